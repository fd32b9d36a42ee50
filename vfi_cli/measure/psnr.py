"""Peak signal-to-noise ratio of 8-bit RGB frames."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

CEILING_DB = 100.0
"""The score of identical frames. Their PSNR is infinite, which would make every mean infinite."""


def psnr(frame: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """PSNR in dB of one frame against the truth, at most `CEILING_DB`.

    Both are (H, W, 3) uint8, so round before measuring. PSNR is 10 log10(255^2 / MSE), where MSE is the mean over all
    samples of all channels. The score of a clip is the mean PSNR of its frames, not the PSNR of the mean error.

    Raises:
        ValueError: the shapes differ.
    """
    if frame.shape != truth.shape:
        raise ValueError(f"frame is {frame.shape}, truth is {truth.shape}")
    error = frame.astype(np.int16) - truth
    mse = float(np.mean(np.square(error, dtype=np.int32)))
    return min(CEILING_DB, 10 * math.log10(255**2 / mse)) if mse else CEILING_DB
