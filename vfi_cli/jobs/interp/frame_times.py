"""Turns the times of decoded frames into the times for the schedule and the interpolator."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

from vfi_cli.jobs.interp.duplicates import Repeat
from vfi_cli.timing.pace import Moment, Pace
from vfi_cli.timing.timeline import Nominal
from vfi_cli.video.types import VideoFrame


class Clock:
    """Unrounds the times, places them by `pace`, and stretches them in slow motion.

    It holds the frames that `pace` needs to look ahead, but not repeated frames.

    Attributes:
        end: the end of the last frame, in seconds; known once all frames are placed.
    """

    def __init__(self, nominal: Nominal, pace: Pace, stretch: int = 1) -> None:
        self._nominal, self._pace, self._stretch = nominal, pace, stretch
        self.end = Fraction(0)

    def place(self, frames: Iterable[VideoFrame | Repeat]) -> Iterator[tuple[VideoFrame | Repeat, Moment]]:
        """The frames, each with its moment."""
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
