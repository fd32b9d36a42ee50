from __future__ import annotations

import math

import numpy as np
import pytest

from vfi_cli.measure.psnr import CEILING_DB, psnr


def flat(level: int) -> np.ndarray:
    return np.full((8, 12, 3), level, np.uint8)


@pytest.mark.parametrize(
    ("frame", "truth", "db"),
    [(100, 101, 48.1308), (101, 100, 48.1308), (0, 255, 0.0), (255, 0, 0.0), (10, 26, 24.0484)],
)
def test_known_values(frame: int, truth: int, db: float) -> None:
    assert psnr(flat(frame), flat(truth)) == pytest.approx(db, abs=1e-4)


def test_the_error_is_a_mean_over_all_three_channels() -> None:
    red_off = flat(100)
    red_off[..., 0] += 6
    assert psnr(red_off, flat(100)) == pytest.approx(10 * math.log10(255**2 / 12))


def test_identical_frames_score_the_ceiling_so_that_means_stay_finite() -> None:
    assert psnr(flat(3), flat(3)) == CEILING_DB == 100


def test_one_wrong_sample_of_a_huge_frame_does_not_pass_the_ceiling() -> None:
    truth = np.zeros((2000, 2200, 3), np.uint8)
    frame = truth.copy()
    frame[0, 0, 0] = 1
    assert psnr(frame, truth) == CEILING_DB


def test_refuses_frames_of_different_sizes() -> None:
    with pytest.raises(ValueError, match="truth"):
        psnr(flat(0), np.zeros((8, 13, 3), np.uint8))
