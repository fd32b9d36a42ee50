"""The rate of a clip and whether its frames are evenly spaced, judged by the times of its first frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise

from vfi_cli.timing.timeline import jitter_of

_FEWEST = 8  # gaps that prove a grid
_NEAR = 4  # median gaps: a longer gap says little about a step
_PARTS = 3  # the median gap may be so many steps of the grid
_TOLERATED = 20  # one frame in so many may be off the grid, or missing


def snap_rate(rate: Fraction) -> Fraction:
    """The whole or NTSC (n * 1000/1001) rate that is very near to `rate`, else `rate` itself."""
    best = min(_usual_rates(rate), key=lambda candidate: abs(candidate - rate))
    return best if best > 0 and abs(best - rate) <= rate / 5000 else rate


def _usual_rates(rate: Fraction) -> tuple[Fraction, Fraction]:
    return Fraction(round(rate)), Fraction(round(rate * 1001 / 1000) * 1000, 1001)


@dataclass(frozen=True, slots=True)
class Grid:
    """Times that lie on multiples of an interval, counted from the first.

    Args:
        rate: multiples per second.
        faults: number of times off the grid, and of multiples without a time.
        tolerated: with at most so many faults, the spacing is meant to be even.
        phase: seconds, a time on the grid; only if the times jitter so much that the first one may be far off.
    """

    rate: Fraction
    faults: int
    tolerated: int
    phase: Fraction | None = None


def find_grid(times: Sequence[Fraction], tick: Fraction) -> Grid | None:
    """The grid of increasing `times`, in seconds, rounded to `tick`; None if there is none.

    If the median gap is one step, the times may also jitter, see `timeline.jitter_of`. A few times may be anywhere.
    """
    gaps = [end - begin for begin, end in pairwise(times)]
    if len(gaps) < _FEWEST:
        return None
    tolerated = tolerated_faults(len(gaps))
    median = sorted(gaps)[len(gaps) // 2]
    for parts in range(1, _PARTS + 1):
        slack = max(tick, jitter_of(median)) if parts == 1 else 3 * tick / 2
        if 4 * slack * parts > median:
            return None
        step = _refined(median / parts, [gap for gap in gaps if gap <= _NEAR * median], slack)
        numbers = list(accumulate((round(gap / step) for gap in gaps), initial=0))
        for rate in rates_of(numbers, times):
            off = sum(abs(time - times[0] - number / rate) > slack for number, time in zip(numbers, times, strict=True))
            if off <= tolerated:
                return Grid(rate, off + numbers[-1] - len(gaps), tolerated)
    return None


def tolerated_faults(gaps: int) -> int:
    """How many faults a clip with so many `gaps` may have whose spacing is meant to be even."""
    return max(1, gaps // _TOLERATED)


def _refined(step: Fraction, gaps: Sequence[Fraction], slack: Fraction) -> Fraction:
    """The mean step of the `gaps` that are multiples of `step`: the mean cancels rounding."""
    counted = [(gap, round(gap / step)) for gap in gaps]
    fitting = [(gap, count) for gap, count in counted if count and abs(gap - count * step) <= slack]
    return sum((gap for gap, _ in fitting), Fraction(0)) / sum(count for _, count in fitting)


def rates_of(numbers: Sequence[int], times: Sequence[Fraction]) -> list[Fraction]:
    """Numbers per second to try: usual rates, nearest to the measured rate first, then the measured rate."""
    measured = _slope(numbers, times)
    usual = {*_usual_rates(measured), Fraction(round(2 * measured), 2)} - {0}
    return [*sorted(usual, key=lambda rate: abs(rate - measured)), measured]


def _slope(numbers: Sequence[int], times: Sequence[Fraction]) -> Fraction:
    """Numbers per second, by least squares."""
    count = len(numbers)
    n, t = Fraction(sum(numbers), count), sum(times, Fraction(0)) / count
    across = sum((number - n) * (time - t) for number, time in zip(numbers, times, strict=True))
    return sum(((number - n) ** 2 for number in numbers), Fraction(0)) / across


def is_steady(times: Sequence[Fraction], rate: Fraction, base: Fraction) -> bool:
    """Whether the times, in seconds, are those of a constant rate, rounded to ticks of `base` seconds."""
    # A steady clock may be off by one tick at either end and in between.
    slack = max(base * 3 / 2, 1 / rate / 50)
    return all(abs(time - times[0] - index / rate) <= slack for index, time in enumerate(times))
