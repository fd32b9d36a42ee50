"""Finds pauses and the cadence, and decides the times of each source frame."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from vfi_cli.timing.cadence import Cadence
from vfi_cli.timing.pauses import Pauses


@dataclass(frozen=True, slots=True)
class Moment:
    """The times of one source frame, in seconds.

    Args:
        shown: the time that the schedule gets, and from which it places the slots of the output. If `Pace` moves the
            slots, it equals `time`. Else it is the time at which the file shows the frame.
        time: when the image was taken, see `cadence`. Not valid for a repeat.
        change: after a pause, the seconds before `time` in which the motion takes place. Until then, the frame before
            is held. None: there was no pause.
    """

    shown: Fraction
    time: Fraction
    change: Fraction | None = None


class Pace:
    """Takes the times of the source frames one by one, and returns the moments that became known, in order.

    Args:
        pauses: finds the pauses.
        cadence: finds the even times at which images were taken; None: they are the times at which images are shown.
        move_slots: whether the slots of the output follow the times at which images were taken.
    """

    def __init__(self, pauses: Pauses, cadence: Cadence | None = None, *, move_slots: bool = True) -> None:
        self._pauses, self._cadence = pauses, cadence
        self._move_slots = move_slots
        self._waiting: deque[tuple[Fraction, bool]] = deque()
        self._newest: Fraction | None = None
        self._shown: Fraction | None = None  # the time at which the file shows the last frame that was returned

    def feed(self, time: Fraction, *, repeat: bool = False) -> list[Moment]:
        """Take the `time` of the next frame. Times must increase. A `repeat` shows the image of the frame before it."""
        if self._newest is not None:
            self._pauses.learn(time - self._newest)
        self._newest = time
        self._waiting.append((time, repeat))
        if repeat:
            return []
        return self._release([time] if self._cadence is None else self._cadence.feed(time))

    def finish(self, end: Fraction) -> list[Moment]:
        """Return the remaining moments, given the `end` of the last frame. The last frame must not be a repeat."""
        return self._release([] if self._cadence is None else self._cadence.finish(end))

    def _release(self, times_taken: list[Fraction]) -> list[Moment]:
        """The moments of the next images, and of the repeats that wait before them."""
        moments = []
        for taken in times_taken:
            repeat = True
            while repeat:
                time, repeat = self._waiting.popleft()
                moments.append(self._moment(time, time if repeat else taken))
        return moments

    def _moment(self, time: Fraction, taken: Fraction) -> Moment:
        gap = time - self._shown if self._shown is not None else Fraction(0)
        change = self._pauses.change(gap) if gap else gap
        self._shown = time
        return Moment(taken if self._move_slots else time, taken, change if change < gap else None)
