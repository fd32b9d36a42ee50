from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from vfi_cli.train.data.pairs import FIRST_MOTION_SHARE, MIDDLE_SHARE, choose_pair, motion_share

GAPS = ((2, 0.5), (4, 0.25), (8, 0.25))


def gaps_drawn(share: float) -> Counter[int]:
    rng = np.random.default_rng(0)
    pairs = [choose_pair(9, GAPS, rng, share) for _ in range(2000)]
    assert all(0 <= left < between < right < 9 for left, between, right in pairs)
    return Counter(right - left for left, _, right in pairs)


def test_gaps_are_drawn_by_their_shares() -> None:
    drawn = gaps_drawn(1.0)
    assert [drawn[gap] / 2000 for gap in (2, 4, 8)] == pytest.approx([0.5, 0.25, 0.25], abs=0.04)


def test_a_small_motion_share_leaves_out_the_large_gaps() -> None:
    assert set(gaps_drawn(0.25)) == {2}
    assert set(gaps_drawn(0.7)) == {2, 4}


def test_the_gap_is_reduced_in_a_short_window() -> None:
    assert choose_pair(3, ((8, 1.0),), np.random.default_rng(0)) == (0, 1, 2)


def test_most_true_frames_are_in_the_middle_and_some_are_not() -> None:
    rng = np.random.default_rng(0)
    pairs = [choose_pair(9, ((4, 1.0),), rng) for _ in range(1000)]
    middle = sum(between - left == right - between for left, between, right in pairs) / 1000
    assert MIDDLE_SHARE < middle < 1


def test_the_curriculum_ends_with_all_samples() -> None:
    assert motion_share(0, 0.5) == FIRST_MOTION_SHARE
    assert FIRST_MOTION_SHARE < motion_share(0.25, 0.5) < 1
    assert motion_share(0.5, 0.5) == motion_share(0.9, 0.5) == motion_share(0, 0) == 1
