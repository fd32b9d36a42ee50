"""Finds the frame rate of a clip, and whether it is constant, from the times of its first frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise

from vfi_cli.timing.timeline import jitter_of

_MIN_GAPS = 8  # fewer gaps do not prove a grid
_LONG_GAP = 4  # in median gaps: longer gaps are not used to measure the step of the grid
_MAX_STEPS = 3  # the median gap is at most this many steps of the grid
_GAPS_PER_FAULT = 20  # one fault is tolerated for this many gaps


def snap_rate(rate: Fraction) -> Fraction:
    """Return the whole or NTSC (n * 1000/1001) rate that is within 1/5000 of `rate`, else `rate` itself."""
    best = min(_usual_rates(rate), key=lambda candidate: abs(candidate - rate))
    return best if best > 0 and abs(best - rate) <= rate / 5000 else rate


def _usual_rates(rate: Fraction) -> tuple[Fraction, Fraction]:
    return Fraction(round(rate)), Fraction(round(rate * 1001 / 1000) * 1000, 1001)


@dataclass(frozen=True, slots=True)
class Grid:
    """Evenly spaced points in time, counted from the first time of a clip.

    Args:
        rate: points per second.
        faults: number of times that are not on the grid, plus the number of points without a time.
        tolerated: with at most this many faults, the clip counts as one of constant frame rate.
        phase: time of a point, in seconds, if the times jitter so much that the first one may be far from its point.
    """

    rate: Fraction
    faults: int
    tolerated: int
    phase: Fraction | None = None


def find_grid(times: Sequence[Fraction], tick: Fraction) -> Grid | None:
    """Return the grid of increasing `times`, in seconds, that are rounded to `tick`; None if there is none.

    If the median gap is one step, the times may also jitter, see `timeline.jitter_of`. A few times may be off the grid.
    """
    gaps = [end - begin for begin, end in pairwise(times)]
    if len(gaps) < _MIN_GAPS:
        return None
    tolerated = tolerated_faults(len(gaps))
    median = sorted(gaps)[len(gaps) // 2]
    for parts in range(1, _MAX_STEPS + 1):
        slack = max(tick, jitter_of(median)) if parts == 1 else 3 * tick / 2
        if 4 * slack * parts > median:
            return None
        step = _mean_step(median / parts, [gap for gap in gaps if gap <= _LONG_GAP * median], slack)
        numbers = list(accumulate((round(gap / step) for gap in gaps), initial=0))
        for rate in rates_of(numbers, times):
            off_grid = sum(
                abs(time - times[0] - number / rate) > slack for number, time in zip(numbers, times, strict=True)
            )
            if off_grid <= tolerated:
                return Grid(rate, off_grid + numbers[-1] - len(gaps), tolerated)
    return None


def tolerated_faults(gaps: int) -> int:
    """Return how many faults a clip with this number of `gaps` may have and still count as constant frame rate."""
    return max(1, gaps // _GAPS_PER_FAULT)


def _mean_step(step: Fraction, gaps: Sequence[Fraction], slack: Fraction) -> Fraction:
    """Return the mean step of the `gaps` that are multiples of `step`: the mean cancels rounding errors."""
    counted = [(gap, round(gap / step)) for gap in gaps]
    fitting = [(gap, count) for gap, count in counted if count and abs(gap - count * step) <= slack]
    return sum((gap for gap, _ in fitting), Fraction(0)) / sum(count for _, count in fitting)


def rates_of(numbers: Sequence[int], times: Sequence[Fraction]) -> list[Fraction]:
    """Return the rates to try for `numbers` at `times`: usual rates, nearest first, then the measured rate."""
    measured = _slope(numbers, times)
    usual = {*_usual_rates(measured), Fraction(round(2 * measured), 2)} - {0}
    return [*sorted(usual, key=lambda rate: abs(rate - measured)), measured]


def _slope(numbers: Sequence[int], times: Sequence[Fraction]) -> Fraction:
    """Return numbers per second, by least squares."""
    count = len(numbers)
    n, t = Fraction(sum(numbers), count), sum(times, Fraction(0)) / count
    across = sum((number - n) * (time - t) for number, time in zip(numbers, times, strict=True))
    return sum(((number - n) ** 2 for number in numbers), Fraction(0)) / across


def is_steady(times: Sequence[Fraction], rate: Fraction, base: Fraction) -> bool:
    """Whether `times`, in seconds, are those of the constant `rate`, rounded to ticks of `base` seconds."""
    # Each time of a constant rate may be off by one tick: the first, the last and those in between.
    slack = max(base * 3 / 2, 1 / rate / 50)
    return all(abs(time - times[0] - index / rate) <= slack for index, time in enumerate(times))
