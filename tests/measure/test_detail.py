from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vfi_cli.measure.detail import detail, flicker, sharpness


@pytest.fixture
def frame() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)


def blurred(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), 1), np.uint8)


def test_detail_is_the_mean_absolute_laplacian() -> None:
    frame = np.zeros((9, 9, 3), np.uint8)
    frame[4, 4] = 100
    assert detail(frame) == pytest.approx(100 * (4 + 4) / 81)


def test_a_blurred_frame_is_less_sharp_and_a_noisy_one_more(frame: NDArray[np.uint8]) -> None:
    assert sharpness(frame, frame) == 1
    assert sharpness(blurred(frame), frame) < 0.5 and sharpness(frame, blurred(frame)) > 2
    flat = np.full_like(frame, 7)
    assert sharpness(flat, flat) == 1 and sharpness(flat, frame) == 0


def test_a_still_clip_does_not_flicker_and_soft_frames_between_sharp_ones_do(frame: NDArray[np.uint8]) -> None:
    assert flicker(frame, frame, frame, 0.5) == pytest.approx(0)
    assert flicker(blurred(frame), frame, frame, 0.5) == pytest.approx(1 - sharpness(blurred(frame), frame))
    assert flicker(frame, blurred(frame), blurred(frame), 0.5) > 1


def test_a_clip_that_gets_softer_evenly_does_not_flicker(frame: NDArray[np.uint8]) -> None:
    soft = blurred(frame)
    level = (detail(frame) - detail(soft)) / detail(frame)
    assert flicker(frame, frame, soft, 0) == flicker(soft, frame, soft, 1) == 0
    assert flicker(frame, frame, soft, 0.25) == pytest.approx(0.25 * level / (1 - 0.25 * level))


def test_flicker_between_flat_frames_is_0(frame: NDArray[np.uint8]) -> None:
    flat = np.full_like(frame, 7)
    assert flicker(frame, flat, flat, 0.5) == 0
