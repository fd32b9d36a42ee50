"""Tells a pause from slow motion. A screen recorder, for one, writes no frames while nothing changes."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

from vfi_cli.errors import UsageError

TIMES_USUAL = 6  # gaps: as many frames as a stand that `--dedup` fills
SHORTEST = Fraction(1, 5)  # seconds: a recorder that stumbles for less has not paused
_MEMORY = 48  # gaps


class Pauses:
    """Learns the usual gap between frames: that which a quarter of the recent ones do not exceed.

    Not the mean, nor the median: single changes between long pauses must not make pauses usual.

    Args:
        limit: seconds; a longer gap is a pause. None: TIMES_USUAL usual ones, and SHORTEST. 0: none is a pause.
    """

    def __init__(self, limit: Fraction | None = None) -> None:
        if limit is not None and limit < 0:
            raise UsageError(f"--max-gap {float(limit):g} is negative", remedy="0 fills every gap")
        self._limit = limit
        self._gaps: deque[Fraction] = deque(maxlen=_MEMORY)

    def learn(self, gap: Fraction) -> None:
        """The next gap, in seconds."""
        self._gaps.append(gap)

    def change(self, gap: Fraction) -> Fraction:
        """The seconds, at the end of a `gap` that was learned, in which the picture changes: all of it if no pause."""
        if self._limit == 0 or gap <= (SHORTEST if self._limit is None else self._limit):
            return gap
        usual = sorted(self._gaps)[len(self._gaps) // 4]
        if self._limit is None:
            return min(usual, gap) if gap > TIMES_USUAL * usual else gap
        return min(usual, self._limit)
