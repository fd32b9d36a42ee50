"""Distinguishes pauses from low frame rates. For example, a screen recorder writes no frames while nothing changes."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

from vfi_cli.errors import UsageError

TIMES_USUAL = 6  # a pause is longer than this many usual gaps; same value as the default of --dedup-max-span
SHORTEST = Fraction(1, 5)  # seconds; a shorter gap is not a pause, but a delay of the recorder
_MEMORY = 48  # gaps


class Pauses:
    """Learns the usual gap between frames: the lower quartile of the recent gaps.

    The mean or the median would be too long if single changes lie between long pauses.

    Args:
        limit: seconds; a longer gap is a pause. None: TIMES_USUAL usual gaps, at least SHORTEST. 0: no gap is a pause.

    Raises UsageError if `limit` is negative.
    """

    def __init__(self, limit: Fraction | None = None) -> None:
        if limit is not None and limit < 0:
            raise UsageError(f"--max-gap {float(limit):g} is negative", remedy="use 0 to interpolate across every gap")
        self._limit = limit
        self._gaps: deque[Fraction] = deque(maxlen=_MEMORY)

    def learn(self, gap: Fraction) -> None:
        """Take the next gap, in seconds."""
        self._gaps.append(gap)

    def change(self, gap: Fraction) -> Fraction:
        """The seconds at the end of a learned `gap` in which the motion takes place; `gap` itself if it is no pause."""
        if self._limit == 0 or gap <= (SHORTEST if self._limit is None else self._limit):
            return gap
        usual = sorted(self._gaps)[len(self._gaps) // 4]
        if self._limit is None:
            return min(usual, gap) if gap > TIMES_USUAL * usual else gap
        return min(usual, self._limit)
