"""Chooses which frames of a window form a sample, and the curriculum from small to large motion."""

from __future__ import annotations

import numpy as np

from vfi_cli.train.recipes import Gaps

MIDDLE_SHARE = 0.8
"""Probability that a pair with an even gap takes the true frame at t = 1/2. Otherwise any frame between is drawn."""

FIRST_MOTION_SHARE = 0.25
"""Share of the samples, those with the smallest motion, that a curriculum starts with."""


def motion_share(progress: float, curriculum: float) -> float:
    """The share of the samples, sorted by motion, to train on: from `FIRST_MOTION_SHARE` to 1.

    Args:
        progress: share of the run that is over, 0 to 1.
        curriculum: progress from which on all samples are used.
    """
    return 1.0 if progress >= curriculum else FIRST_MOTION_SHARE + (1 - FIRST_MOTION_SHARE) * progress / curriculum


def choose_pair(frames: int, gaps: Gaps, rng: np.random.Generator, motion_share: float = 1.0) -> tuple[int, int, int]:
    """Indices of the left, the true and the right frame in a window of `frames` frames.

    The gap is drawn from the `motion_share` of all gaps that are smallest.
    """
    rank = motion_share * rng.random() * sum(share for _, share in gaps)
    gap = gaps[-1][0]
    for size, share in gaps:
        rank -= share
        if rank < 0:
            gap = size
            break
    gap = min(gap, frames - 1)
    left = int(rng.integers(frames - gap))
    middle = gap % 2 == 0 and rng.random() < MIDDLE_SHARE
    between = gap // 2 if middle else int(rng.integers(1, gap))
    return left, left + between, left + gap
