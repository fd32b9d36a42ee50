"""The arithmetic of whatever torch code runs: convolutions and matrix products, as executed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True, slots=True)
class Cost:
    """Multiply-accumulates, and the floating point operations they stand for: two each."""

    macs: int

    @property
    def flops(self) -> int:
        return 2 * self.macs


def count_cost(work: Callable[[], object]) -> Cost:
    """Run `work` once and count its convolutions and matrix products, forward only.

    Counted are the calls that really happen, with their real shapes: routed execution shows its saving.
    Not counted: elementwise maths, bias, splatting, sampling, and whatever does not run in eager torch on the
    calling thread (OpenCV, numba, CuPy, compiled graphs).
    """
    with FlopCounterMode(display=False) as counter:
        work()
    return Cost(counter.get_total_flops() // 2)
