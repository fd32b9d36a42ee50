"""Fine detail of a frame: blurred frames lack it, and it flickers where only generated frames do."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def detail(frame: NDArray[np.uint8]) -> float:
    """Mean absolute Laplacian of the luma of a frame (H, W, 3), in grey levels."""
    luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return float(np.abs(cv2.Laplacian(luma, cv2.CV_32F)).mean())


def sharpness(frame: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """The detail of a frame over that of the truth: 1 is as sharp, less is blurred. 1 where the truth is flat."""
    of_truth = detail(truth)
    return detail(frame) / of_truth if of_truth else 1.0


def flicker(frame: NDArray[np.uint8], left: NDArray[np.uint8], right: NDArray[np.uint8], time: float) -> float:
    """How far the detail of a generated frame is from that of its neighbours, as a share of theirs.

    0 where it is what lies between them at `time`, 0 being `left`: nothing pulses when such frames alternate with
    copied ones. 0 where the neighbours are flat.
    """
    expected = (1 - time) * detail(left) + time * detail(right)
    return abs(detail(frame) - expected) / expected if expected else 0.0
