"""Finds the constant rate of clips whose clock jitters by many milliseconds: webcams, screen recorders, video calls.

    intended  |     |     |     |     |     |
    stamped   |       |  |      |    |       |      the errors are independent and do not add up

A truly variable frame rate looks different: each gap has its own length, so the times drift away from every grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from vfi_cli.timing.timeline import PROVED_JITTER
from vfi_cli.video.timestamps.frame_rate import Grid, rates_of, tolerated_faults

_MIN_TIMES = 96  # fewer times do not prove a rate
_START_TIMES = 8  # number of times that determine the expected time of the first one
_GAIN = 16  # each time moves the expected times after it by 1/16 of its error
_VARIANCES = 9  # a usual rate fits if it is at most this many variances from the measured rate


def find_jittered(times: Sequence[Fraction]) -> Grid | None:
    """Return the grid about which increasing `times` (seconds) jitter by up to `PROVED_JITTER` intervals, or None."""
    if len(times) < _MIN_TIMES:
        return None
    tolerated = tolerated_faults(len(times) - 1)
    micros = [round(time * 1_000_000) for time in times]
    tried = (_numbers(micros, missing) for missing in range(tolerated + 1))
    numbers = next((numbers for numbers in tried if numbers), None)
    if numbers is None:
        return None
    missing = numbers[-1] + 1 - len(times)
    *usual, measured = rates_of(numbers, times)
    least_squares = _squares(_errors(numbers, times, measured))
    # A short clip fits 30 and 29.97 frames per second alike. Clocks that jitter are those of computers: whole rates.
    for rate in (*sorted(usual, key=lambda rate: rate.denominator), measured):
        errors = _errors(numbers, times, rate)
        if rate <= 0 or _squares(errors) > least_squares * (1 + Fraction(_VARIANCES, len(times))):
            continue
        steps = [after - before for before, after in pairwise(errors)]
        faults = missing + sum(abs(error) * rate > PROVED_JITTER for error in errors)
        if faults <= tolerated and _squares(errors) <= _squares(steps):  # otherwise the errors add up
            return Grid(rate, faults, tolerated, times[0] - errors[0])
        return None
    return None


def _numbers(times: Sequence[int], missing: int) -> list[int]:
    """Return the number of the grid point of each time; empty if the times do not fit a grid.

    times: in microseconds. missing: number of grid points without a time.
    """
    last = len(times) - 1 + missing
    step = (times[-1] - times[0]) // last
    expected = sum(time - number * step for number, time in enumerate(times[:_START_TIMES])) // _START_TIMES
    numbers: list[int] = []
    number = 0
    for time in times:
        steps = (2 * (time - expected) + step) // (2 * step)  # rounded
        number += steps
        if numbers and number <= numbers[-1]:
            return []
        expected += steps * step
        numbers.append(number)
        expected += (time - expected) // _GAIN
    return numbers if numbers[0] == 0 and number == last else []


def _errors(numbers: Sequence[int], times: Sequence[Fraction], rate: Fraction) -> list[Fraction]:
    """Return by how much each time is late, in seconds; the mean is 0."""
    delays = [time - number / rate for number, time in zip(numbers, times, strict=True)]
    mean = sum(delays, Fraction(0)) / len(delays)
    return [delay - mean for delay in delays]


def _squares(values: Sequence[Fraction]) -> Fraction:
    return sum((value * value for value in values), Fraction(0))
