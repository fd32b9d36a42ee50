from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.oracles.ssim import ssim as oracle
from vfi_cli.measure.ssim import C1, ssim


def frames(height: int, width: int, noise: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    rng = np.random.default_rng(7)
    ramp = np.add.outer(np.arange(height) * 3, np.arange(width) * 2)[..., None] + np.array([0, 40, 90])
    truth = ramp % 256
    frame = np.clip(truth + rng.integers(-noise, noise + 1, truth.shape), 0, 255)
    return frame.astype(np.uint8), truth.astype(np.uint8)


@pytest.mark.parametrize("noise", [1, 8, 60])
def test_equals_the_paper_window_by_window(noise: int) -> None:
    frame, truth = frames(23, 31, noise)
    assert ssim(frame, truth) == pytest.approx(oracle(frame, truth), abs=1e-5)


def test_identical_frames_score_one() -> None:
    _, truth = frames(20, 20, 1)
    assert ssim(truth, truth) == pytest.approx(1, abs=1e-6)


def test_flat_frames_compare_by_luminance_alone() -> None:
    dark, bright = (np.full((16, 16, 3), level, np.uint8) for level in (50, 150))
    assert ssim(dark, bright) == pytest.approx((2 * 50 * 150 + C1) / (50**2 + 150**2 + C1), abs=1e-5)


def test_an_error_in_one_channel_counts_a_third() -> None:
    frame, truth = frames(24, 24, 30)
    blue_only = truth.copy()
    blue_only[..., 2] = frame[..., 2]
    gray = np.repeat(frame[..., 2:], 3, axis=2)
    gray_truth = np.repeat(truth[..., 2:], 3, axis=2)
    assert 1 - ssim(blue_only, truth) == pytest.approx((1 - ssim(gray, gray_truth)) / 3, abs=1e-5)


def test_is_symmetric() -> None:
    frame, truth = frames(20, 33, 20)
    assert ssim(frame, truth) == pytest.approx(ssim(truth, frame), abs=1e-7)


def test_refuses_frames_smaller_than_the_window() -> None:
    tiny = np.zeros((10, 64, 3), np.uint8)
    with pytest.raises(ValueError, match="11x11"):
        ssim(tiny, tiny)


def test_refuses_frames_of_different_sizes() -> None:
    with pytest.raises(ValueError, match="truth"):
        ssim(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 17, 3), np.uint8))


@pytest.mark.slow
def test_720p_takes_less_than_150_ms() -> None:
    frame, truth = frames(720, 1280, 20)
    ssim(frame, truth)
    begin = time.perf_counter()
    ssim(frame, truth)
    assert time.perf_counter() - begin < 0.15
