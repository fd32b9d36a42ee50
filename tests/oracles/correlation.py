"""Local cost volume, computed for one pixel and one displacement at a time."""

import numpy as np


def cost_volume(f0: np.ndarray, f1: np.ndarray, radius: int) -> np.ndarray:
    """f0, f1 (C, H, W) -> ((2 radius + 1)^2, H, W), in float64."""
    _, H, W = f0.shape
    side = 2 * radius + 1
    volume = np.zeros((side * side, H, W))
    for y in range(H):
        for x in range(W):
            for dy in range(-radius, radius + 1):
                for dx in range(-radius, radius + 1):
                    if 0 <= y + dy < H and 0 <= x + dx < W:
                        cost = np.mean(f0[:, y, x].astype(np.float64) * f1[:, y + dy, x + dx])
                        volume[(dy + radius) * side + dx + radius, y, x] = cost
    return volume
