"""FLIP: how different two images look to a person who flips between them (Andersson et al., HPG 2020).

It uses the code of the authors, an optional dependency: `pip install 'vfi-cli[metrics]'`.
"""

from __future__ import annotations

import functools
import importlib.util

import numpy as np
from numpy.typing import NDArray


@functools.cache
def has_flip() -> bool:
    """Whether the package `flip-evaluator` is installed."""
    return importlib.util.find_spec("flip_evaluator") is not None


def flip(frame: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Mean LDR-FLIP of a frame (H, W, 3) against the truth, from 0 (equal) to 1, at 67 pixels per degree."""
    import flip_evaluator

    images = (image.astype(np.float32) / 255 for image in (truth, frame))
    _, mean, _ = flip_evaluator.evaluate(*images, "LDR")
    return float(mean)
