"""Turns the timestamps of decoded frames into the times that the schedule and the interpolator use."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

from vfi_cli.jobs.interp.duplicates import Repeat
from vfi_cli.timing.pace import Moment, Pace
from vfi_cli.timing.timeline import Nominal
from vfi_cli.video.types import VideoFrame


class Clock:
    """Undoes the rounding of timestamps, applies `pace`, and stretches the times for slow motion.

    It holds the frames that `pace` needs to look ahead. A `Repeat` has no planes, so it needs no memory for them.

    Args:
        nominal: undoes the rounding.
        pace: finds pauses and the cadence.
        stretch: how many times longer the output lasts.

    Attributes:
        end: the end of the last frame in the output, in seconds; valid once all frames are placed.
    """

    def __init__(self, nominal: Nominal, pace: Pace, stretch: int = 1) -> None:
        self._nominal, self._pace, self._stretch = nominal, pace, stretch
        self.end = Fraction(0)

    def place(self, frames: Iterable[VideoFrame | Repeat]) -> Iterator[tuple[VideoFrame | Repeat, Moment]]:
        """Yield each frame with its moment, whose times are stretched."""
        waiting: deque[VideoFrame | Repeat] = deque()
        for frame in frames:
            waiting.append(frame)
            time = self._nominal.time(frame.pts)
            self.end = self._stretch * (time + self._nominal.duration(frame.duration))
            for moment in self._pace.feed(time, repeat=isinstance(frame, Repeat)):
                yield waiting.popleft(), self._stretched(moment)
        for moment in self._pace.finish(self.end / self._stretch):
            yield waiting.popleft(), self._stretched(moment)

    def _stretched(self, moment: Moment) -> Moment:
        n = self._stretch
        return Moment(n * moment.shown, n * moment.time, None if moment.change is None else n * moment.change)
