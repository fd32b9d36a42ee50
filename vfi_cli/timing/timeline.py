"""Decides the time of every output frame, and from which source frames it is made.

A schedule takes the times of the source frames one by one. Each time, it returns the output slots that became known:

    source    0           1           2        end
    --------  |-----------|-----------|---------|----> seconds
    Cfr       |----|----|----|----|----|----|----
              C(0) B    B    B    B    B    H(2)       C = Copy, B = Between, H = Hold

All times are seconds as `Fraction`, and `fps` means slots per second. Floats are never used: with them, an hour of
24000/1001 fps could drift by a frame.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

from vfi_cli.errors import LimitError, UsageError

MAX_FPS = 1000
MIN_FPS = Fraction(1, 1000)  # also the smallest multiple
MAX_TERM = 2**31 - 1  # largest numerator or denominator of a rate; containers and codecs cannot store more
MAX_MULTIPLE = 64
# A broken timestamp can make a gap of years. 72,000 slots are ten minutes at 120 fps; no slide show needs more.
MAX_SLOTS_PER_GAP = 72_000
MAX_JITTER = Fraction(5, 1000)  # seconds
PROVED_JITTER = Fraction(2, 5)  # of an interval; used if the times of many frames prove a steady rate with jitter
MAX_GAP = 86_400  # seconds; a longer gap comes from a broken timestamp, and may be too long for containers


@dataclass(frozen=True, slots=True)
class Copy:
    """The slot has the time of source frame `index`, counted from 0 in presentation order."""

    index: int


@dataclass(frozen=True, slots=True)
class Between:
    """The slot lies between the source frames `left` (t = 0) and `right` (t = 1), at 0 < t < 1."""

    left: int
    right: int
    t: Fraction


@dataclass(frozen=True, slots=True)
class Hold:
    """The slot lies after the last source frame, `index`, which is held."""

    index: int


Action = Copy | Between | Hold


@dataclass(frozen=True, slots=True)
class Slot:
    """One output frame: shown at `pts` for `duration` seconds."""

    pts: Fraction
    duration: Fraction
    action: Action


class Cfr:
    """Constant frame rate: slot k has the time start + k / fps. The last slot lies before the end of the source.

    The duration of the output is that of the source, to within one slot. `fps` may be lower than the rate of the
    source: source frames without a slot are then skipped.
    """

    def __init__(self, fps: Fraction) -> None:
        if fps <= 0:
            raise ValueError(f"fps must be positive, got {fps}")
        self._step = 1 / Fraction(fps)
        self._count = 0  # slots returned so far
        self._index = -1  # of the newest source frame
        self._start = self._last = Fraction(0)

    def feed(self, time: Fraction, hold: Fraction = Fraction(0)) -> list[Slot]:
        """The slots up to and including `time`, the time of the next source frame. Times must increase.

        hold: seconds that the previous source frame is held before the motion to the next one begins.
        """
        self._index += 1
        if self._index == 0:
            self._start = self._last = time
            return self._until(self._last, inclusive=True, action=lambda _: Copy(0))
        left, right, begin = self._index - 1, self._index, self._last
        _check_jump(begin, time)
        self._last = time
        return self._until(time, inclusive=True, action=lambda pts: _between(pts, left, begin + hold, right, time))

    def finish(self, duration: Fraction) -> list[Slot]:
        """The slots after the last source frame, which lasts `duration` seconds."""
        if self._index < 0:
            return []
        return self._until(self._last + duration, inclusive=False, action=lambda _: Hold(self._index))

    def _until(self, end: Fraction, *, inclusive: bool, action: Callable[[Fraction], Action]) -> list[Slot]:
        steps = (end - self._start) / self._step
        stop = math.floor(steps) + 1 if inclusive else math.ceil(steps)
        _check_gap(stop - self._count)
        times = [self._start + k * self._step for k in range(self._count, stop)]
        self._count = max(self._count, stop)
        return [Slot(pts, self._step, action(pts)) for pts in times]


class Multiply:
    """Divides every gap between two source frames into `n` equal slots. Source frames keep their times.

    The last source frame has no successor, so it becomes one copy and n - 1 holds, which share its duration: N frames
    give n * N frames of the same total duration. A last source frame of short duration gets fewer holds: only the very
    last slot may be shorter than every slot before it, because the ticks of a file may be too coarse for short slots.
    """

    def __init__(self, n: int) -> None:
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        self._n = n
        self._index = -1
        self._last = Fraction(0)
        self._least: Fraction | None = None  # the shortest slot so far, in seconds

    def feed(self, time: Fraction, hold: Fraction = Fraction(0)) -> list[Slot]:
        """The slots from the previous source frame up to, but not including, `time`. Times must increase.

        hold: seconds that the previous source frame is held before the motion begins. Its slot is longer by this.
        """
        self._index += 1
        begin, self._last = self._last, time
        if self._index == 0:
            return []
        _check_jump(begin, time)
        left, right, moving = self._index - 1, self._index, begin + hold
        step = (time - moving) / self._n
        self._least = step if self._least is None else min(step, self._least)
        between = [Slot(moving + k * step, step, Between(left, right, Fraction(k, self._n))) for k in range(1, self._n)]
        return [Slot(begin, hold + step, Copy(left)), *between]

    def finish(self, duration: Fraction) -> list[Slot]:
        """The slots of the last source frame, which lasts `duration` seconds."""
        if self._index < 0:
            return []
        step = max(duration / self._n, self._least or Fraction(0))
        count = min(self._n, math.ceil(duration / step))
        actions: list[Action] = [Copy(self._index), *[Hold(self._index)] * (count - 1)]
        return [Slot(self._last + k * step, min(step, duration - k * step), action) for k, action in enumerate(actions)]


Schedule = Cfr | Multiply


def across(slots: Iterable[Slot], left: int, begin: Fraction, right: int, end: Fraction) -> list[Slot]:
    """The same slots, but filled from the source frames `left` and `right` only.

    `left` is held until the time `begin`; from there to the time `end`, it changes into `right`. Source frames between
    the two are ignored:

        source  |a------|a------|a------|b
        slots   C(0) B  C(1) B  C(2) B  C(3)
        across  C(0) B  B    B  B    B  C(3)      B between a and b: 1/6, 1/3, 1/2, ..
    """
    _check_jump(begin, end)
    return [Slot(slot.pts, slot.duration, _between(slot.pts, left, begin, right, end)) for slot in slots]


def jitter_of(interval: Fraction, *, proved: bool = False) -> Fraction:
    """The most seconds by which a frame of a steady rate may be earlier or later than its point on the grid.

    interval: seconds between two points. proved: the times of many frames prove that they jitter around a steady rate.
    """
    return PROVED_JITTER * interval if proved else min(MAX_JITTER, interval / 5)


class Nominal:
    """Undoes the rounding of timestamps to ticks (1 ms in Matroska), and the jitter of clocks.

    With ticks of 1 ms, 24 fps reads 0.000, 0.042, 0.083 .. Then few slots of a 48 fps output would have the time of a
    source frame, and nearly all would be interpolated. The grid has points at the nominal `rate`, and begins at the
    first frame. A time is moved to the nearest point if the distance is less than a tick, or less than `jitter` if that
    is longer. Any other time is kept, and begins a second grid, which later times are compared with too. The next time
    that is on neither grid replaces the second grid. Increasing times stay increasing.

    Args:
        rate: nominal frames per second; None: all times are kept.
        tick, jitter: seconds.
        phase: seconds; a point of the grid, if the clock has much jitter, see `PROVED_JITTER`. The first frame keeps
            its time even if it is early or late, so all other frames are moved by the same error.
    """

    def __init__(
        self,
        rate: Fraction | None,
        tick: Fraction,
        jitter: Fraction = Fraction(0),
        phase: Fraction | None = None,
    ) -> None:
        self._tick = tick
        self._slack = max(tick, jitter)
        # If frames are only a few ticks apart, a time near the grid may be a coincidence.
        coarse = self._slack if phase is None else tick
        self._rate = rate if rate and 4 * coarse * rate <= 1 else None
        self._phase = phase
        # (time, seconds by which the frame was early) of the first frame of each grid
        self._anchors: list[tuple[Fraction, Fraction]] = []
        self._last = Fraction(0)

    def time(self, pts: Fraction) -> Fraction:
        """The exact time of a frame with the timestamp `pts`, in seconds."""
        if self._rate is None:
            return pts
        for anchor, early in self._anchors:
            nominal = anchor + round((pts - early - anchor) * self._rate) / self._rate
            if abs(nominal + early - pts) < self._slack and nominal > self._last:
                self._last = nominal
                return nominal
        if self._anchors:
            pts = max(pts, self._last + self._tick)  # the frame before may have been moved beyond this time
        self._anchors = [*self._anchors[:1], (pts, Fraction(0) if self._anchors else self._early(pts, self._rate))]
        self._last = pts
        return pts

    def _early(self, first: Fraction, rate: Fraction) -> Fraction:
        """Seconds by which the `first` frame is earlier than its point on the grid."""
        if self._phase is None:
            return Fraction(0)
        early = self._phase + round((first - self._phase) * rate) / rate - first
        return early if abs(early) < self._slack else Fraction(0)

    def duration(self, duration: Fraction) -> Fraction:
        """The exact duration of a frame with the rounded `duration`, in seconds."""
        if self._rate is not None and abs(duration - 1 / self._rate) < self._slack:
            return 1 / self._rate
        return duration


def parse_rate(text: str, source: Fraction | None, option: str = "--fps") -> Fraction:
    """Frames per second from "60", "59.94" (= 60000/1001), "60000/1001" or "2x" (of the `source` rate).

    A decimal number that is a rounded n * 1000/1001 means exactly that number: 23.976 is 24000/1001, not 2997/125.
    The rate must lie between MIN_FPS and MAX_FPS, and a multiple "Nx" between MIN_FPS and MAX_MULTIPLE.

    Raises UsageError for any other text; the message names the `option`.
    """
    times = re.fullmatch(r"(\d+(?:\.\d+)?)x", text.strip())
    if times:
        factor = Fraction(times[1])
        if source is None or source <= 0:
            raise UsageError(
                f"{option} {text} needs the rate of the source, which is unknown", remedy=f"give a rate: {option} 60"
            )
        if not MIN_FPS <= factor <= MAX_MULTIPLE:
            raise UsageError(
                f"{option} {text} is out of range", remedy=f"a multiple lies between {MIN_FPS}x and {MAX_MULTIPLE}x"
            )
        return source * factor
    if not re.fullmatch(r"\d+(\.\d+)?|\d+/0*[1-9]\d*", text.strip()):
        raise UsageError(f"{option} {text!r} is not a rate", remedy="write 60, 59.94, 60000/1001 or 2x")
    rate = _ntsc(text.strip()) or Fraction(text.strip())
    if not MIN_FPS <= rate <= MAX_FPS:
        raise UsageError(f"{option} {text} is out of range", remedy=f"a rate lies between {MIN_FPS} and {MAX_FPS}")
    if max(rate.numerator, rate.denominator) > MAX_TERM:
        raise UsageError(f"{option} {text} has too many digits", remedy="write 60, 59.94, 60000/1001 or 2x")
    return rate


def parse_multiple(text: str, option: str) -> int:
    """A whole number from 2 to MAX_MULTIPLE. Raises UsageError, whose message names the `option`."""
    if not re.fullmatch(r"\d+", text) or not 2 <= int(text) <= MAX_MULTIPLE:
        raise UsageError(
            f"{option} {text} is not a whole number from 2 to {MAX_MULTIPLE}",
            remedy="for other rates use --fps, e.g. --fps 1.5x",
        )
    return int(text)


def parse_time(text: str, option: str) -> Fraction:
    """Seconds from "12.5", "1:02.5" or "00:01:02.5". Raises UsageError, whose message names the `option`."""
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d+)?", text):
        raise UsageError(
            f"{option} {text!r} is not a time",
            remedy="write seconds (12.5) or hours:minutes:seconds (00:01:02.5)",
        )
    seconds = Fraction(0)
    for part in text.split(":"):
        seconds = 60 * seconds + Fraction(part)
    return seconds


def _ntsc(text: str) -> Fraction | None:
    """The number n * 1000/1001 that `text` states, rounded to two or more digits; None if there is none."""
    digits = len(text.partition(".")[2].rstrip("0"))
    if digits < 2:
        return None
    exact = Fraction(round(Fraction(text) * 1001 / 1000) * 1000, 1001)
    return exact if abs(exact - Fraction(text)) <= Fraction(1, 2 * 10**digits) else None


def _between(pts: Fraction, left: int, begin: Fraction, right: int, end: Fraction) -> Action:
    """The action of a slot at `pts`, if `left` changes into `right` from `begin` to `end`."""
    if pts <= begin:
        return Copy(left)
    return Copy(right) if pts == end else Between(left, right, (pts - begin) / (end - begin))


def _check_jump(begin: Fraction, end: Fraction) -> None:
    if end <= begin:
        raise ValueError(f"source times must increase, got {float(end)} s after {float(begin)} s")
    if end - begin > MAX_GAP:
        raise LimitError(
            f"the timestamps jump by {float(end - begin):.0f} s, more than {MAX_GAP} s",
            remedy="cut the gap out with --ss and --to",
        )


def _check_gap(slots: int) -> None:
    if slots > MAX_SLOTS_PER_GAP:
        raise LimitError(
            f"a gap in the timestamps needs {slots} output frames, more than {MAX_SLOTS_PER_GAP}",
            remedy="cut the gap out with --ss and --to, or use a lower --fps",
        )
