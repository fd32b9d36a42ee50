"""Counts the operations of torch code while it runs: convolutions and matrix products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch.utils.flop_counter import FlopCounterMode

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cost:
    """The number of multiply-accumulates; each counts as two floating point operations."""

    macs: int

    @property
    def flops(self) -> int:
        return 2 * self.macs

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.macs + other.macs)


def run_counted(work: Callable[[], T]) -> tuple[T, Cost]:
    """Run `work` once and count its convolutions and matrix products, forward only.

    The counter sees the calls that really happen, with their real shapes, so it shows what routed execution saves. It
    does not count elementwise operations, bias, splatting, sampling, or code that does not run in eager torch on the
    calling thread (OpenCV, numba, CuPy). Compiled modules run uncompiled.

    Returns:
        The result of `work`, and its cost.
    """
    # Eager, because a compiled module that once ran under a counter would never run compiled again.
    with torch.compiler.set_stance("force_eager"), FlopCounterMode(display=False) as counter:
        result = work()
    return result, Cost(counter.get_total_flops() // 2)


def count_cost(work: Callable[[], object]) -> Cost:
    """The cost of `work`, see `run_counted`."""
    return run_counted(work)[1]
