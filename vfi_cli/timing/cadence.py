"""Finds the cadence: the even times at which images were taken, from the uneven times at which they are shown.

A 60 Hz file shows each image of a 24 fps film for 2, 3, 2, 3 .. frames. At these times, even motion looks uneven:

    shown   |a   |b     |c   |d     |e   |f          gaps of 2, 3, 2, 3: a period of 2
    taken   |a    |b    |c    |d    |e    |f         what `Cadence` gives

An image is a frame that is not a repeat. All times are seconds as `Fraction`.
"""

from __future__ import annotations

from fractions import Fraction

LOOK_AHEAD = 12  # images
_MAX_PERIOD = 12  # gaps; the period of 24 images per second in 50 frames per second
_MIN_PROOF = 6  # gaps that prove a period
_HISTORY = 2 * _MAX_PERIOD  # images
_TOLERANCE = Fraction(1, 500)  # seconds by which equal gaps may differ


class Cadence:
    """Finds gaps that repeat with a period, and spaces the images of a period evenly.

    The first image of every period keeps its time, so nothing drifts. The others move by less than the shortest gap,
    and by at most half of the longest gap. Without a period, all images keep their times.
    The memory is bounded: it looks LOOK_AHEAD images ahead, and keeps the times of at most 2 * _HISTORY past images.

    Args:
        tick: seconds per tick of the container; times are rounded to it.
    """

    def __init__(self, tick: Fraction) -> None:
        self._slack = max(2 * tick, _TOLERANCE)
        self._times: list[Fraction] = []
        self._next = 0  # index of the first image whose time `taken` is not yet returned
        self._last: Fraction | None = None  # the time `taken` of the image before it
        self._period = self._anchor = 0  # images in a period, 0: no period; index of its first image
        self._end = 0  # the gaps before this index repeat

    def feed(self, time: Fraction) -> list[Fraction]:
        """Take the `time` at which the next image is shown. Return the times `taken` that are now known.

        Times must increase.
        """
        self._times.append(time)
        return [self._take_next(None)] if len(self._times) - self._next > LOOK_AHEAD else []

    def finish(self, end: Fraction) -> list[Fraction]:
        """Return the remaining times `taken`, given the `end` of the last image."""
        return [self._take_next(end) for _ in range(len(self._times) - self._next)]

    def _take_next(self, end: Fraction | None) -> Fraction:
        """When the next image was taken: after the image before it, and before the next image is shown."""
        now, times = self._next, self._times
        shown = times[now]
        following = times[now + 1] if now + 1 < len(times) else end
        taken = self._taken(now)
        if (self._last is not None and taken <= self._last) or (following is not None and taken >= following):
            taken = shown
        self._last = taken
        self._next += 1
        if self._next > 2 * _HISTORY:
            del times[:_HISTORY]
            self._next -= _HISTORY
            self._anchor -= _HISTORY
            self._end -= _HISTORY
        return taken

    def _taken(self, now: int) -> Fraction:
        """When image `now` was taken, according to the current period; first updates the period."""
        gaps = len(self._times) - 1
        while self._period and self._end < gaps and self._repeats(self._end, self._period):
            self._end += 1
        if not self._period or now > self._end:
            self._period, self._anchor, self._end = self._find(now), now, gaps
        if not self._period:
            return self._times[now]
        if now - self._anchor == self._period:
            self._anchor = now
        begin = self._times[self._anchor]
        return begin + (now - self._anchor) * self._span(self._anchor) / self._period

    def _span(self, begin: int) -> Fraction:
        """Seconds of the period that begins at image `begin`; if it is incomplete, seconds of the period before it."""
        if begin + self._period > self._end:
            begin -= self._period
        return self._times[begin + self._period] - self._times[begin]

    def _find(self, now: int) -> int:
        """The shortest period of all known gaps from image `now` on; 0 if there is none."""
        gaps = len(self._times) - 1
        for period in range(2, _MAX_PERIOD + 1):
            begin = gaps
            while begin - period > 0 and self._repeats(begin - 1, period):
                begin -= 1
            begin -= period  # the first gap that belongs to the repetition
            if begin <= now and gaps - begin >= max(2 * period, _MIN_PROOF):
                return period if self._is_uneven(gaps - period, now, period) else 0
        return 0

    def _is_uneven(self, begin: int, now: int, period: int) -> bool:
        """Whether the gaps of a period differ, but so little that its images can be moved.

        begin: index of the first gap of the period.
        """
        gaps = [self._gap(begin + k) for k in range(period)]
        first = (now - begin) % period  # the gap of image `now`
        gaps = gaps[first:] + gaps[:first]
        mean = sum(gaps) / period
        moves = [abs(k * mean - sum(gaps[:k])) for k in range(period)]
        shortest, longest = min(gaps), max(gaps)
        if longest - shortest <= 2 * self._slack or shortest <= 2 * self._slack:
            return False
        return max(moves) < shortest - self._slack and 2 * max(moves) <= longest

    def _gap(self, index: int) -> Fraction:
        return self._times[index + 1] - self._times[index]

    def _repeats(self, index: int, period: int) -> bool:
        return abs(self._gap(index) - self._gap(index - period)) <= self._slack
