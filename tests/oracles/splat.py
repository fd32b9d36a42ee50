"""Average splatting, computed one pixel at a time."""

import math

import numpy as np


def average_splat(x: np.ndarray, flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x (C, H, W), flow (2, H, W) -> mean (C, H, W), sum of weights (H, W), in float64."""
    C, H, W = x.shape
    total, weight = np.zeros((C, H, W)), np.zeros((H, W))
    for y in range(H):
        for column in range(W):
            target_x, target_y = column + float(flow[0, y, column]), y + float(flow[1, y, column])
            if not (math.isfinite(target_x) and math.isfinite(target_y)):
                continue
            for corner_y in (math.floor(target_y), math.floor(target_y) + 1):
                for corner_x in (math.floor(target_x), math.floor(target_x) + 1):
                    if 0 <= corner_x < W and 0 <= corner_y < H:
                        share = (1 - abs(target_x - corner_x)) * (1 - abs(target_y - corner_y))
                        total[:, corner_y, corner_x] += share * x[:, y, column]
                        weight[corner_y, corner_x] += share
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0), weight
