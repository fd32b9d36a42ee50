"""Which frames of a window make a sample, and the curriculum from small to large motion."""

from __future__ import annotations

import numpy as np

from vfi_cli.train.recipes import Gaps

MIDDLE_SHARE = 0.8
"""Share of the samples whose true frame is the one at t = 1/2, where there is one."""

FIRST_REACH = 0.25


def reach(progress: float, curriculum: float) -> float:
    """The share of all samples, by motion, that is trained on: from the slowest quarter to all of them.

    progress: 0 to 1; all of them from `curriculum` on.
    """
    return 1.0 if progress >= curriculum else FIRST_REACH + (1 - FIRST_REACH) * progress / curriculum


def choose_pair(frames: int, gaps: Gaps, rng: np.random.Generator, reach: float = 1.0) -> tuple[int, int, int]:
    """Indices of the left, the true and the right frame in a window of `frames`; the gap among the smallest `reach`."""
    rank = reach * rng.random() * sum(share for _, share in gaps)
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
