"""Follows the times of one stream, packet by packet, and notes where they do not follow each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from av.packet import Packet
from av.stream import Stream

from vfi_cli.video.demux.joined_input import position_of

LEAP = 10
"""Seconds: a longer gap is a leap of the clock, unless sound goes on across it. FFmpeg uses the same limit."""

ROUNDING = Fraction(1, 500)
"""Seconds by which packets may overlap because their times are rounded."""

_REORDERED = 32
"""The frame that is shown first after a leap is among so many packets."""


@dataclass(frozen=True, slots=True)
class Event:
    """A place where the times of a stream do not follow each other.

    Args:
        before: byte position of the last packet in order; `position`: of the first one out of order.
        end: when the packets before it end, in seconds on the clock of the file; `start`: when those after it begin.
        leap: the clock runs back, or ahead by more than LEAP; else the event is a gap.
    """

    before: int
    position: int
    end: Fraction
    start: Fraction
    leap: bool

    @property
    def step(self) -> Fraction:
        return self.start - self.end

    def is_passed(self, position: int, time: Fraction) -> bool:
        """Whether a packet of another stream, near the event, comes after it by its `time` in seconds."""
        return position > self.before and abs(time - self.start) < abs(time - self.end)


class _Item(NamedTuple):
    """What is known of a packet. In ticks: its decoding time, its time, its duration. Then its byte position."""

    time: int
    shown: int
    span: int
    position: int


class Watch:
    """Follows the times of one stream.

    gaps: note gaps too, not only leaps.
    """

    def __init__(self, stream: Stream, *, gaps: bool) -> None:
        assert stream.time_base is not None
        self.index, self.base = stream.index, Fraction(stream.time_base)
        self.events: list[Event] = []
        self.count = 0
        self.first = self.position = 0
        self.start = 0  # ticks
        self.end = 0  # ticks
        self._gaps = gaps
        self._last: int | None = None  # ticks
        self._span = 0  # of the last packet, in ticks
        self._step = 0  # the shortest from packet to packet, in ticks: ASF states no durations
        self._suspect: _Item | None = None  # may be the first after a leap
        self._leap = round(LEAP / self.base)
        self._since = 0  # packets since the last leap

    def feed(self, packet: Packet[Stream]) -> None:
        """Take the next packet of the stream; it must have a decoding time."""
        assert packet.dts is not None
        position = position_of(packet, self.position)
        shown = packet.pts if packet.pts is not None else packet.dts
        item = _Item(packet.dts, shown, packet.duration or self._step, position)
        if self._suspect is not None:
            suspect, self._suspect = self._suspect, None
            # A single packet with a wrong time is no leap. After a leap, the next packet follows the suspect.
            assert self._last is not None
            from_suspect = abs(item.time - suspect.time - suspect.span)
            from_last = abs(item.time - self._last - 2 * self._span)
            if from_suspect < from_last:
                self._accept(suspect, leap=True)
        if self._is_off(item):
            self._suspect = item
        else:
            self._accept(item, leap=False)

    def _is_off(self, item: _Item) -> bool:
        return self._last is not None and not self._last <= item.time <= self._last + self._span + self._leap

    def _accept(self, item: _Item, *, leap: bool) -> None:
        time, shown, span, position = item
        if self._last is None:
            self.first, self.start = position, shown
        else:
            step = time - self._last - self._span
            if leap or (self._gaps and abs(step) > self._span + ROUNDING / self.base):
                self.events.append(Event(self.position, position, self.end * self.base, shown * self.base, leap))
            if self._last < time <= self._last + (self._step or self._leap):
                self._step = time - self._last
            if leap:
                self.end, self._since = shown, 0
            elif self.events and self.events[-1].leap and self._since < _REORDERED:
                started = min(self.events[-1].start, shown * self.base)
                self.events[-1] = replace(self.events[-1], start=started)
        self._last, self._span, self.position = time, span, position
        self.end = max(self.end, shown + span) if self.count else shown + span
        self.count += 1
        self._since += 1
