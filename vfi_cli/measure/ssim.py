"""Structural similarity: Wang, Bovik, Sheikh, Simoncelli, IEEE Trans. Image Processing 13(4), 2004."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

WINDOW = 11
SIGMA = 1.5
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2
CENTRE = np.float32(128)  # subtracted first: variances stay the same, and float32 squares lose 4 times less precision


def ssim(frame: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Mean SSIM of one frame against the truth, in [-1, 1]; 1 for identical frames.

    Both are (H, W, 3) uint8. Parameters: 11x11 Gaussian window, sigma 1.5, K1 = 0.01, K2 = 0.03, L = 255, no scaling.
    Only windows inside the frame count. R, G and B are scored separately and averaged. The paper scores luma only; this
    way errors of hue count, as in PSNR.

    Raises:
        ValueError: the shapes differ, or a side is shorter than the window.
    """
    if frame.shape != truth.shape:
        raise ValueError(f"frame is {frame.shape}, truth is {truth.shape}")
    if min(frame.shape[:2]) < WINDOW:
        raise ValueError(f"SSIM needs at least {WINDOW}x{WINDOW}, got {frame.shape[1]}x{frame.shape[0]}")
    x, y = frame.astype(np.float32) - CENTRE, truth.astype(np.float32) - CENTRE
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    cov_xy = _window_mean(x * y) - mean_x * mean_y
    var_x_plus_y = _window_mean(x * x + y * y) - mean_x * mean_x - mean_y * mean_y
    mean_x += CENTRE
    mean_y += CENTRE
    mean_xy, mean_xx_yy = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    score = (2 * mean_xy + C1) * (2 * cov_xy + C2) / ((mean_xx_yy + C1) * (var_x_plus_y + C2))
    return float(np.mean(score, dtype=np.float64))


def _window_mean(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gaussian mean around each pixel whose window is inside the frame: (H, W, 3) -> (H-10, W-10, 3)."""
    taps = cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_32F)
    edge = WINDOW // 2
    return np.asarray(cv2.sepFilter2D(plane, -1, taps, taps)[edge:-edge, edge:-edge], dtype=np.float32)
