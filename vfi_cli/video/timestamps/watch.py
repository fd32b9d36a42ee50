"""Finds the discontinuities and gaps in the timestamps of one stream, packet by packet.

A discontinuity is called leap in names: the clock leaps back or ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from av.packet import Packet
from av.stream import Stream

from vfi_cli.video.demux.joined_input import position_of

LEAP = 10
"""Seconds: a longer gap is a discontinuity, unless the audio continues during it. FFmpeg uses the same limit."""

ROUNDING = Fraction(1, 500)
"""Seconds by which packets may overlap, because containers round times."""

_REORDERED_PACKETS = 32
"""The first shown frame after a discontinuity is among this many packets, which are in decoding order."""


@dataclass(frozen=True, slots=True)
class Event:
    """A discontinuity or a gap in the timestamps of a stream.

    Args:
        before: byte position of the last packet before the event.
        position: byte position of the first packet after the event.
        end: time at which the packets before the event end, in seconds on the clock of the file.
        start: time at which the packets after the event begin, in seconds on the clock of the file.
        leap: whether the event is a discontinuity: the clock runs back, or ahead by more than LEAP. Else it is a gap.
    """

    before: int
    position: int
    end: Fraction
    start: Fraction
    leap: bool

    @property
    def step(self) -> Fraction:
        """Seconds from `end` to `start`; negative if the clock runs back."""
        return self.start - self.end

    def precedes(self, position: int, time: Fraction) -> bool:
        """Whether the `time` (seconds) of a nearby packet of another stream, at byte `position`, is after the event."""
        return position > self.before and abs(time - self.start) < abs(time - self.end)


class _PacketTimes(NamedTuple):
    """The times of a packet in ticks, and its byte position."""

    dts: int
    pts: int
    duration: int
    position: int


class Watch:
    """Follows the timestamps of one stream and notes its events.

    Args:
        stream: the stream that the packets belong to.
        gaps: whether to note gaps too, not only discontinuities.

    Attributes:
        index: index of the stream.
        base: seconds per tick.
        events: the events so far.
        count: number of accepted packets so far; a single packet with a wrong time is not accepted.
        first, position: byte positions of the first and of the last accepted packet.
        start: presentation time at which the first packet starts, in ticks.
        end: presentation time at which the packets since the last discontinuity end, in ticks.
    """

    def __init__(self, stream: Stream, *, gaps: bool) -> None:
        assert stream.time_base is not None
        self.index, self.base = stream.index, Fraction(stream.time_base)
        self.events: list[Event] = []
        self.count = 0
        self.first = self.position = 0
        self.start = 0
        self.end = 0
        self._gaps = gaps
        self._last_dts: int | None = None  # in ticks
        self._last_duration = 0  # in ticks
        self._shortest_step = 0  # from packet to packet, in ticks; stands for durations, which ASF does not state
        self._pending: _PacketTimes | None = None  # may be the first packet after a discontinuity
        self._leap = round(LEAP / self.base)
        self._packets_since_leap = 0

    def feed(self, packet: Packet[Stream]) -> None:
        """Add the next packet of the stream. It must have a decoding time."""
        assert packet.dts is not None
        position = position_of(packet, self.position)
        pts = packet.pts if packet.pts is not None else packet.dts
        times = _PacketTimes(packet.dts, pts, packet.duration or self._shortest_step, position)
        if self._pending is not None:
            pending, self._pending = self._pending, None
            # One packet with a wrong time is no discontinuity. After a discontinuity, the next one follows `pending`.
            assert self._last_dts is not None
            from_pending = abs(times.dts - pending.dts - pending.duration)
            from_last = abs(times.dts - self._last_dts - 2 * self._last_duration)
            if from_pending < from_last:
                self._accept(pending, leap=True)
        if self._is_out_of_order(times):
            self._pending = times
        else:
            self._accept(times, leap=False)

    def _is_out_of_order(self, times: _PacketTimes) -> bool:
        return (
            self._last_dts is not None
            and not self._last_dts <= times.dts <= self._last_dts + self._last_duration + self._leap
        )

    def _accept(self, times: _PacketTimes, *, leap: bool) -> None:
        dts, pts, duration, position = times
        if self._last_dts is None:
            self.first, self.start = position, pts
        else:
            step = dts - self._last_dts - self._last_duration
            if leap or (self._gaps and abs(step) > self._last_duration + ROUNDING / self.base):
                self.events.append(Event(self.position, position, self.end * self.base, pts * self.base, leap))
            if self._last_dts < dts <= self._last_dts + (self._shortest_step or self._leap):
                self._shortest_step = dts - self._last_dts
            if leap:
                self.end, self._packets_since_leap = pts, 0
            elif self.events and self.events[-1].leap and self._packets_since_leap < _REORDERED_PACKETS:
                started = min(self.events[-1].start, pts * self.base)
                self.events[-1] = replace(self.events[-1], start=started)
        self._last_dts, self._last_duration, self.position = dts, duration, position
        self.end = max(self.end, pts + duration) if self.count else pts + duration
        self.count += 1
        self._packets_since_leap += 1
