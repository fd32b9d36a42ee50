"""Timestamp discontinuities: joined recordings, and clocks that restart or run ahead.

    file       |0 .. 3 s|0 .. 3 s|300 .. 303 s|        picture and sound alike
    offset      0        +3       -294
    corrected  |0 .. 3 s|3 .. 6 s|6 .. 9 s    |

All streams of a part get the same offset, so that picture and sound stay together. The picture of a part begins when
the picture of the previous part ends. If the sound of the previous part is longer, the last frame is held until the
sound ends. Padding that encoders add to the sound does not count: it is dropped where it overlaps.

Only some containers can hold several clocks, see `clocks`, and files joined end to end, see `joined`. Such a file is
read completely once, before it is decoded.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from vfi_cli.video import late
from vfi_cli.video.dated import dated
from vfi_cli.video.joined import JoinedInput

LEAP = 10
"""Seconds: a longer gap is a leap of the clock, unless sound goes on across it. FFmpeg uses the same limit."""

_SILENT_LEAP = 60
"""Seconds: the same without sound. A screen recording may stand for a while."""

_PADDING = Fraction(1, 20)
"""Seconds of sound at the end of a part for which the picture is not held."""

_ROUNDING = Fraction(1, 500)
"""Seconds by which packets may overlap because their times are rounded."""

_NEAR = 5
"""Seconds by which the leap of the sound may differ from that of the picture, in its time and its length."""

_REORDERED = 32
"""The frame that is shown first after a leap is among so many packets."""

_ENTRY_SPACING = 1
"""The fewest seconds between two noted key frames."""


@dataclass(frozen=True, slots=True)
class Change:
    """From the byte `position` on, packets move by `offset` seconds; those at `until` or later are then dropped.

    leap: the packets of a sparse stream may lie before `position` already, see `_Event.is_passed`.
    """

    position: int
    offset: Fraction
    until: Fraction | None = None
    leap: _Event | None = None


@dataclass(frozen=True, slots=True)
class Offsets:
    """The offsets that make the clocks of a file one clock.

    Args:
        count: discontinuities.
        changes: the changes of each video and audio stream, by its index, in order of position.
        others: the changes of all other streams.
        entries: (seconds on the corrected clock, byte position, seconds on the clock of the file) of key frames; none
            if the file has one clock, or cannot be read from any byte.
    """

    count: int = 0
    changes: dict[int, tuple[Change, ...]] = field(default_factory=dict)
    others: tuple[Change, ...] = ()
    entries: tuple[tuple[Fraction, int, Fraction], ...] = field(default=(), repr=False)

    @property
    def seekable(self) -> bool:
        """Whether times can be found without reading the file from its start."""
        return not self.count or bool(self.entries)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user."""
        if not self.count:
            return ()
        leaps = "1 discontinuity" if self.count == 1 else f"{self.count} discontinuities"
        return (f"{leaps} in the timestamps: the parts are shown one after the other, with their sound",)

    def seek(self, container: InputContainer | JoinedInput, time: Fraction) -> None:
        """Move `container` to a key frame that is shown at or before `time`, in seconds on the corrected clock."""
        earlier = [(position, stated) for shown, position, stated in self.entries if shown <= time]
        position, stated = earlier[-1] if earlier else (0, None)
        if isinstance(container, JoinedInput):
            container.seek(position, stated)
        else:
            container.seek(position, unsupported_byte_offset=True)


class Corrector:
    """Corrects the packets of one reader of the file.

    Attributes:
        dropped: number of packets of sound that overlapped the next part.
    """

    def __init__(self, offsets: Offsets) -> None:
        self._offsets = offsets
        self._positions: dict[int, int] = {}  # of the last packet with a position, per stream
        self.dropped = 0

    def correct(self, packets: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
        """The packets, in the order of the file, without those that are dropped."""
        for packet in packets:
            if not self._offsets.count or self._moved(packet):
                yield packet
            else:
                self.dropped += 1

    def _moved(self, packet: Packet[Stream]) -> bool:
        """Move the packet to the corrected clock; False if it is past the end of its part."""
        if packet.pts is None and packet.dts is None:
            return True
        index = packet.stream_index
        position = _position(packet, self._positions.get(index, 0))
        self._positions[index] = position
        change = _change_at(self._offsets.changes.get(index, self._offsets.others), position, _time(packet))
        if change is None:
            return True
        ticks = round(change.offset / packet.time_base)
        if packet.pts is not None:
            packet.pts += ticks
        if packet.dts is None:
            return True
        packet.dts += ticks
        return change.until is None or packet.dts * packet.time_base < change.until


def _position(packet: Packet[Any], unknown: int) -> int:
    """The byte position of the packet in the whole file; `unknown` if it has none."""
    if isinstance(packet.opaque, int):  # of a part, see `JoinedInput.demux`
        return packet.opaque
    return packet.pos if packet.pos is not None else unknown


def _change_at(changes: tuple[Change, ...], position: int, time: Fraction | None = None) -> Change | None:
    number = bisect_right(changes, position, key=lambda change: change.position) - 1
    following = changes[number + 1] if number + 1 < len(changes) else None
    if following and following.leap and time is not None and following.leap.is_passed(position, time):
        return following
    return changes[number] if number >= 0 else None


def _time(packet: Packet[Stream]) -> Fraction | None:
    ticks = packet.pts if packet.pts is not None else packet.dts
    return ticks * packet.time_base if ticks is not None else None


@dataclass(frozen=True, slots=True)
class _Event:
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


class _Watch:
    """Follows the times of one stream.

    gaps: note gaps too, not only leaps.
    """

    def __init__(self, stream: Stream, *, gaps: bool) -> None:
        assert stream.time_base is not None
        self.index, self.base = stream.index, Fraction(stream.time_base)
        self.events: list[_Event] = []
        self.count = 0
        self.first = self.position = 0
        self.start = 0  # ticks
        self.end = 0  # ticks
        self._gaps = gaps
        self._last: int | None = None  # ticks
        self._span = 0  # of the last packet, in ticks
        self._step = 0  # the shortest from packet to packet, in ticks: ASF states no durations
        self._suspect: tuple[int, int, int, int] | None = None
        self._leap = round(LEAP / self.base)
        self._since = 0  # packets since the last leap

    def feed(self, packet: Packet[Stream]) -> None:
        """Take the next packet of the stream; it must have a decoding time."""
        assert packet.dts is not None
        position = _position(packet, self.position)
        shown = packet.pts if packet.pts is not None else packet.dts
        item = (packet.dts, shown, packet.duration or self._step, position)
        if self._suspect is not None:
            suspect, self._suspect = self._suspect, None
            # A single packet with a wrong time is no leap. After a leap, the next packet follows the suspect.
            assert self._last is not None
            apart = abs(item[0] - suspect[0] - suspect[2]), abs(item[0] - self._last - 2 * self._span)
            if apart[0] < apart[1]:
                self._accept(suspect, leap=True)
        if self._is_off(item):
            self._suspect = item
        else:
            self._accept(item, leap=False)

    def _is_off(self, item: tuple[int, int, int, int]) -> bool:
        return self._last is not None and not self._last <= item[0] <= self._last + self._span + self._leap

    def _accept(self, item: tuple[int, int, int, int], *, leap: bool) -> None:
        time, shown, span, position = item
        if self._last is None:
            self.first, self.start = position, shown
        else:
            step = time - self._last - self._span
            if leap or (self._gaps and abs(step) > self._span + _ROUNDING / self.base):
                self.events.append(_Event(self.position, position, self.end * self.base, shown * self.base, leap))
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


class Scan:
    """Reads a whole file to learn about its clocks.

    Attributes:
        frames: packets of the picture.
        indexes: the streams of the picture and of sound that have packets.
        later: the streams of sound that begin after the first leap.
        first_leap: byte position of the first leap of the clock, if there is one.
        unread: see `JoinedInput`.
    """

    def __init__(self, container: InputContainer | JoinedInput, video: VideoStream, *, seekable: bool = True) -> None:
        """Read `container` from its start to its end.

        seekable: a packet can be found again by its byte position.
        """
        self._joined = isinstance(container, JoinedInput)
        self._seekable = seekable
        self._picture = _Watch(video, gaps=False)
        self._sounds = [_Watch(stream, gaps=True) for stream in container.streams.audio]
        self._keys: list[tuple[int, int]] = []  # (ticks, byte position)
        watches = {watch.index: watch for watch in (self._picture, *self._sounds)}
        with suppress(av.FFmpegError):  # damage is for the decoder to report
            for packet in dated(late.packets(container, [video, *container.streams.audio])):
                if not packet.is_discard:
                    watches[packet.stream_index].feed(packet)
                    if packet.is_keyframe and packet.stream_index == video.index:
                        self._note_key(packet)
        self.unread = container.unread if isinstance(container, JoinedInput) else ()
        self._leaps = [event for event in self._picture.events if event.step < 0 or self._is_shared(event)]
        self.frames = self._picture.count
        self.indexes = {watch.index for watch in watches.values() if watch.count}
        self.first_leap = self._leaps[0].position if self._leaps else None
        self.later = {sound.index for sound in self._sounds if self._leaps and _begins_after(self._leaps[0], sound)}

    def _note_key(self, packet: Packet[Any]) -> None:
        ticks = packet.pts if packet.pts is not None else packet.dts
        position = _position(packet, -1)
        if position >= 0 and ticks is not None and self._seekable:
            spacing = _ENTRY_SPACING / self._picture.base
            if not self._keys or not 0 <= ticks - self._keys[-1][0] < spacing:
                self._keys.append((ticks, position))

    def _is_shared(self, leap: _Event) -> bool:
        """Whether all sound leaps with the picture, when the clock of the picture runs ahead."""
        over = [sound for sound in self._sounds if sound.count and sound.first < leap.position < sound.position]
        if not over:
            return leap.step > _SILENT_LEAP
        return all(_partner(leap, sound) is not None for sound in over)

    def offsets(self, interval: Fraction) -> Offsets:
        """The offsets that make the clocks one; `interval`: seconds from frame to frame."""
        changes = {watch.index: [Change(0, Fraction(0))] for watch in (self._picture, *self._sounds)}
        others = [Change(0, Fraction(0))]
        matched: list[_Event] = []
        taken = {sound.index: -1 for sound in self._sounds}  # position of the last event that belongs to a leap
        offset = Fraction(0)
        for leap, following in pairwise([*self._leaps, None]):
            assert leap is not None
            partners = {sound.index: _partner(leap, sound, taken[sound.index], following) for sound in self._sounds}
            offset = self._next_offset(leap, [event for event in partners.values() if event], offset, interval)
            changes[self._picture.index].append(Change(leap.position, offset))
            positions = [leap.position]
            for sound in self._sounds:
                index, event = sound.index, partners[sound.index]
                position = min(leap.position, sound.first) if _begins_after(leap, sound) else leap.position
                if event is not None:
                    taken[index] = position = event.position
                    matched.append(event)
                    changes[index][-1] = replace(changes[index][-1], until=event.start + offset)
                changes[index].append(Change(position, offset))
                positions.append(position)
            others.append(Change(min(positions), offset, leap=leap))
        count = len(self._leaps)
        for sound in self._sounds:  # leaps of the sound without a leap of the picture
            own = changes[sound.index]
            for event in sound.events:
                if event.leap and event.step < 0 and event not in matched:
                    before = _change_at(tuple(own), event.position - 1) or own[0]
                    own.append(Change(event.position, before.offset - event.step))
                    own.sort(key=lambda change: change.position)
                    count += 1
        if not self._joined and not count:
            return Offsets()
        base, picture = self._picture.base, tuple(changes[self._picture.index])
        entries = [(ticks * base, position, _change_at(picture, position)) for ticks, position in self._keys]
        return Offsets(
            count,
            {index: tuple(own) for index, own in changes.items()},
            tuple(others),
            tuple((time + change.offset, position, time) for time, position, change in entries if change is not None),
        )

    def _next_offset(self, leap: _Event, sounds: list[_Event], offset: Fraction, interval: Fraction) -> Fraction:
        """The offset of the part after `leap`; `offset` is that of the part before."""
        following = offset - leap.step
        longer = max((offset - event.step - following for event in sounds), default=Fraction(0))
        if longer > max(interval, _PADDING):
            following += math.ceil((longer - _ROUNDING) / interval) * interval
        return round(following / self._picture.base) * self._picture.base

    def end(self, offsets: Offsets) -> Fraction:
        """When the picture ends, in seconds on the corrected clock."""
        changes = offsets.changes.get(self._picture.index, ())
        return self._picture.end * self._picture.base + (changes[-1].offset if changes else 0)


def _partner(leap: _Event, sound: _Watch, after: int = -1, following: _Event | None = None) -> _Event | None:
    """The event of `sound` that belongs to a `leap` of the picture.

    It lies behind the byte position `after`, and nearer to the leap than to the `following` leap of the picture: a part
    between them may have no sound.
    """
    end = math.inf if following is None else (leap.position + following.position) / 2
    near = [event for event in sound.events if after < event.position < end and abs(event.start - leap.start) <= _NEAR]
    # If the sound ended before the picture did, its clock runs back by less.
    most = math.inf if leap.step < 0 else leap.step + _NEAR
    leaps = [event for event in near if event.leap and leap.step - _NEAR <= event.step <= most]
    if leaps:
        return min(leaps, key=lambda event: abs(event.position - leap.position))
    # The parts overlap in time and the first has less sound, so the sound has a gap and its clock does not run back.
    gaps = [event for event in near if event.position > leap.before and abs(event.step - leap.step) <= _NEAR]
    return min(gaps, key=lambda event: abs(event.position - leap.position)) if leap.step < 0 and gaps else None


def _begins_after(leap: _Event, sound: _Watch) -> bool:
    """Whether the first packet of `sound` belongs to the part after the `leap`."""
    return sound.count > 0 and leap.is_passed(sound.first, sound.start * sound.base)
