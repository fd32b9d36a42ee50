"""SSIM as the paper defines it, computed one window at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ssim(frame: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Two images (H, W, 3) uint8 -> the mean over channels and windows, in float64; slow."""
    offsets = np.arange(11) - 5
    bell = np.exp(-(offsets**2) / (2 * 1.5**2))
    weights = np.outer(bell, bell) / bell.sum() ** 2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    height, width, channels = frame.shape
    scores = []
    for channel in range(channels):
        for top in range(height - 10):
            for left in range(width - 10):
                x = frame[top : top + 11, left : left + 11, channel].astype(np.float64)
                y = truth[top : top + 11, left : left + 11, channel].astype(np.float64)
                mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
                var_x = (weights * (x - mean_x) ** 2).sum()
                var_y = (weights * (y - mean_y) ** 2).sum()
                cov = (weights * (x - mean_x) * (y - mean_y)).sum()
                luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
                contrast_structure = (2 * cov + c2) / (var_x + var_y + c2)
                scores.append(luminance * contrast_structure)
    return float(np.mean(scores))
