"""Measures fine detail: blurred frames have less, and it flickers if only the generated frames are blurred."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def detail(frame: NDArray[np.uint8]) -> float:
    """Mean absolute Laplacian of the luma of a frame (H, W, 3), in gray levels."""
    luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return float(np.abs(cv2.Laplacian(luma, cv2.CV_32F)).mean())


def sharpness(frame: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """The detail of a frame over the detail of the truth: 1 is as sharp, less is blurred. 1 if the truth is flat."""
    true_detail = detail(truth)
    return detail(frame) / true_detail if true_detail else 1.0


def flicker(frame: NDArray[np.uint8], left: NDArray[np.uint8], right: NDArray[np.uint8], time: float) -> float:
    """Relative difference of the detail of a generated frame to the detail expected from its neighbours.

    The expected detail is that of `left` and `right`, interpolated at `time` (0 at `left`, 1 at `right`). At 0, a clip
    of copied and generated frames in turn shows no pulsing. The result is 0 if both neighbours are flat.
    """
    expected = (1 - time) * detail(left) + time * detail(right)
    return abs(detail(frame) - expected) / expected if expected else 0.0
