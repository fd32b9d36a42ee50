"""Timestamp discontinuities: joined recordings, and clocks that restart or run ahead.

    file       |0 .. 3 s|0 .. 3 s|300 .. 303 s|        picture and sound alike
    offset      0        +3       -294
    corrected  |0 .. 3 s|3 .. 6 s|6 .. 9 s    |

All streams of a part get the same offset, so that picture and sound stay together. The picture of a part begins when
the picture of the previous part ends. If the sound of the previous part is longer, the last frame is held until the
sound ends. Padding that encoders add to the sound does not count: it is dropped where it overlaps.

Only some containers (see `several_clocks`) and files joined end to end (see `joined_input`) can hold several clocks.
Such a file is read completely once, before it is decoded.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from vfi_cli.video.demux import late_streams
from vfi_cli.video.demux.joined_input import JoinedInput, position_of
from vfi_cli.video.timestamps.decode_times import dated
from vfi_cli.video.timestamps.offsets import Change, Offsets, change_at
from vfi_cli.video.timestamps.watch import ROUNDING, Event, Watch

_SILENT_LEAP = 60
"""Seconds: a longer gap in a picture without sound is a leap. A screen recording may show one picture for long."""

_PADDING = Fraction(1, 20)
"""Seconds of sound at the end of a part for which the picture is not held."""

_NEAR = 5
"""Seconds by which the leap of the sound may differ from that of the picture, in its time and its length."""

_ENTRY_SPACING = 1
"""The fewest seconds between two noted key frames."""


class Scan:
    """Reads a whole file to learn about its clocks.

    Attributes:
        frames: packets of the picture.
        indexes: the streams of the picture and of sound that have packets.
        later: the streams of sound that begin after the first leap.
        first_leap: byte position of the first leap of the clock, if there is one.
        unread, chapters: see `JoinedInput`.
    """

    def __init__(self, container: InputContainer | JoinedInput, video: VideoStream, *, seekable: bool = True) -> None:
        """Read `container` from its start to its end.

        seekable: a packet can be found again by its byte position.
        """
        self._joined = isinstance(container, JoinedInput)
        self._seekable = seekable
        self._picture = Watch(video, gaps=False)
        self._sounds = [Watch(stream, gaps=True) for stream in container.streams.audio]
        self._keys: list[tuple[int, int]] = []  # (ticks, byte position)
        watches = {watch.index: watch for watch in (self._picture, *self._sounds)}
        with suppress(av.FFmpegError):  # damage is for the decoder to report
            for packet in dated(late_streams.packets(container, [video, *container.streams.audio])):
                if not packet.is_discard:
                    watches[packet.stream_index].feed(packet)
                    if packet.is_keyframe and packet.stream_index == video.index:
                        self._note_key(packet)
        self.unread = container.unread if isinstance(container, JoinedInput) else ()
        self.chapters = container.chapters if isinstance(container, JoinedInput) else 0
        self._leaps = [event for event in self._picture.events if event.step < 0 or self._is_shared(event)]
        self.frames = self._picture.count
        self.indexes = {watch.index for watch in watches.values() if watch.count}
        self.first_leap = self._leaps[0].position if self._leaps else None
        self.later = {sound.index for sound in self._sounds if self._leaps and _begins_after(self._leaps[0], sound)}

    def _note_key(self, packet: Packet[Any]) -> None:
        ticks = packet.pts if packet.pts is not None else packet.dts
        position = position_of(packet, -1)
        if position >= 0 and ticks is not None and self._seekable:
            spacing = _ENTRY_SPACING / self._picture.base
            if not self._keys or not 0 <= ticks - self._keys[-1][0] < spacing:
                self._keys.append((ticks, position))

    def _is_shared(self, leap: Event) -> bool:
        """Whether all sound leaps with the picture, when the clock of the picture runs ahead."""
        over = [sound for sound in self._sounds if sound.count and sound.first < leap.position < sound.position]
        if not over:
            return leap.step > _SILENT_LEAP
        return all(_partner(leap, sound) is not None for sound in over)

    def offsets(self, interval: Fraction) -> Offsets:
        """The offsets that make the clocks one; `interval`: seconds from frame to frame."""
        changes = {watch.index: [Change(0, Fraction(0))] for watch in (self._picture, *self._sounds)}
        others = [Change(0, Fraction(0))]
        matched: list[Event] = []
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
                    before = change_at(tuple(own), event.position - 1) or own[0]
                    own.append(Change(event.position, before.offset - event.step))
                    own.sort(key=lambda change: change.position)
                    count += 1
        if not self._joined and not count:
            return Offsets()
        base, picture = self._picture.base, tuple(changes[self._picture.index])
        entries = [(ticks * base, position, change_at(picture, position)) for ticks, position in self._keys]
        return Offsets(
            count,
            {index: tuple(own) for index, own in changes.items()},
            tuple(others),
            tuple((time + change.offset, position, time) for time, position, change in entries if change is not None),
        )

    def _next_offset(self, leap: Event, sounds: list[Event], offset: Fraction, interval: Fraction) -> Fraction:
        """The offset of the part after `leap`; `offset` is that of the part before."""
        following = offset - leap.step
        longer = max((offset - event.step - following for event in sounds), default=Fraction(0))
        if longer > max(interval, _PADDING):
            following += math.ceil((longer - ROUNDING) / interval) * interval
        return round(following / self._picture.base) * self._picture.base

    def end(self, offsets: Offsets) -> Fraction:
        """When the picture ends, in seconds on the corrected clock."""
        changes = offsets.changes.get(self._picture.index, ())
        return self._picture.end * self._picture.base + (changes[-1].offset if changes else 0)


def _partner(leap: Event, sound: Watch, after: int = -1, following: Event | None = None) -> Event | None:
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


def _begins_after(leap: Event, sound: Watch) -> bool:
    """Whether the first packet of `sound` belongs to the part after the `leap`."""
    return sound.count > 0 and leap.is_passed(sound.first, sound.start * sound.base)
