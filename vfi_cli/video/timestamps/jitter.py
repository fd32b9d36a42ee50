"""Finds a constant rate under clocks that jitter by many milliseconds: webcams, screen recorders, video calls.

    meant     |     |     |     |     |     |
    stamped   |       |  |      |    |       |      each time is off by itself; the errors do not add up

A rate that truly varies looks different: each gap has its own length, so the times drift away from every grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from vfi_cli.timing.timeline import PROVED_JITTER
from vfi_cli.video.timestamps.frame_rate import Grid, rates_of, tolerated_faults

_FEWEST = 96  # times that prove a rate
_START = 8  # times that place the first one
_GAIN = 16  # each time moves the expected place of the next ones by 1/16 of its error
_VARIANCES = 9  # of the measured rate; a usual rate that differs by no more fits


def find_jittered(times: Sequence[Fraction]) -> Grid | None:
    """The grid of increasing `times`, in seconds, if they jitter about one by up to `PROVED_JITTER` intervals."""
    if len(times) < _FEWEST:
        return None
    tolerated = tolerated_faults(len(times) - 1)
    micros = [round(time * 1_000_000) for time in times]
    tried = (_numbers(micros, missing) for missing in range(tolerated + 1))
    numbers = next((numbers for numbers in tried if numbers), None)
    if numbers is None:
        return None
    missing = numbers[-1] + 1 - len(times)
    *usual, measured = rates_of(numbers, times)
    least = _squares(_errors(numbers, times, measured))
    # Few frames fit 30 and 29.97 frames per second alike. Clocks that jitter are those of computers: whole rates.
    for rate in (*sorted(usual, key=lambda rate: rate.denominator), measured):
        errors = _errors(numbers, times, rate)
        if rate <= 0 or _squares(errors) > least * (1 + Fraction(_VARIANCES, len(times))):
            continue
        steps = [after - before for before, after in pairwise(errors)]
        faults = missing + sum(abs(error) * rate > PROVED_JITTER for error in errors)
        if faults <= tolerated and _squares(errors) <= _squares(steps):  # else the errors add up
            return Grid(rate, faults, tolerated, times[0] - errors[0])
        return None
    return None


def _numbers(times: Sequence[int], missing: int) -> list[int]:
    """The number of the grid point of each time; empty if the times do not fit a grid.

    times: in microseconds. missing: how many grid points have no time.
    """
    last = len(times) - 1 + missing
    step = (times[-1] - times[0]) // last
    place = sum(time - number * step for number, time in enumerate(times[:_START])) // _START
    numbers: list[int] = []
    number = 0
    for time in times:
        ahead = (2 * (time - place) + step) // (2 * step)  # rounded
        number += ahead
        if numbers and number <= numbers[-1]:
            return []
        place += ahead * step
        numbers.append(number)
        place += (time - place) // _GAIN
    return numbers if numbers[0] == 0 and number == last else []


def _errors(numbers: Sequence[int], times: Sequence[Fraction], rate: Fraction) -> list[Fraction]:
    """How late each time is, in seconds; their mean is 0."""
    late = [time - number / rate for number, time in zip(numbers, times, strict=True)]
    mean = sum(late, Fraction(0)) / len(late)
    return [one - mean for one in late]


def _squares(values: Sequence[Fraction]) -> Fraction:
    return sum((value * value for value in values), Fraction(0))
