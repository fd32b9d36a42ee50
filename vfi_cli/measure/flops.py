"""The arithmetic of whatever torch code runs: convolutions and matrix products, as executed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch.utils.flop_counter import FlopCounterMode

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cost:
    """Multiply-accumulates, and the floating point operations they stand for: two each."""

    macs: int

    @property
    def flops(self) -> int:
        return 2 * self.macs

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.macs + other.macs)


def run_counted(work: Callable[[], T]) -> tuple[T, Cost]:
    """Run `work` once and count its convolutions and matrix products, forward only.

    Counted are the calls that really happen, with their real shapes: routed execution shows its saving.
    Not counted: elementwise maths, bias, splatting, sampling, and whatever does not run in eager torch on the
    calling thread (OpenCV, numba, CuPy). What is compiled runs as it is written.

    Returns what `work` returned, and its cost.
    """
    # Eager: a compiled module that runs under a counter is never run compiled again.
    with torch.compiler.set_stance("force_eager"), FlopCounterMode(display=False) as counter:
        result = work()
    return result, Cost(counter.get_total_flops() // 2)


def count_cost(work: Callable[[], object]) -> Cost:
    """The cost of `work`, see `run_counted`."""
    return run_counted(work)[1]
