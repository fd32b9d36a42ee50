"""Peak signal-to-noise ratio of 8-bit RGB frames."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

CEILING_DB = 100.0
"""What two identical frames score: their PSNR is infinite, and one of them would make any mean infinite."""


def psnr(frame: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """PSNR in dB of one frame against the truth, at most `CEILING_DB`.

    Both are (H, W, 3) uint8: round before measuring. 10 log10(255^2 / MSE), with the error averaged over all
    samples of all channels. A clip scores the mean of this over its frames, not the PSNR of a mean error.

    Raises:
        ValueError: the shapes differ.
    """
    if frame.shape != truth.shape:
        raise ValueError(f"frame is {frame.shape}, truth is {truth.shape}")
    error = frame.astype(np.int16) - truth
    mse = float(np.mean(np.square(error, dtype=np.int32)))
    return min(CEILING_DB, 10 * math.log10(255**2 / mse)) if mse else CEILING_DB
