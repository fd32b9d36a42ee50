"""Finds timestamp discontinuities: in joined recordings, and where a clock restarts or jumps ahead.

    file       |0 .. 3 s|0 .. 3 s|300 .. 303 s|        both video and audio
    offset      0        +3       -294
    corrected  |0 .. 3 s|3 .. 6 s|6 .. 9 s    |

All streams of a part get the same offset, so that video and audio stay in sync. The video of a part begins when the
video of the previous part ends. If the audio of the previous part is longer, the last frame is held until the audio
ends. Padding that encoders add to the audio does not count: packets of it that overlap the next part are dropped.

Only some containers (see `several_clocks`) and joined files (see `joined_input`) can hold several clocks. `Scan` reads
such a file completely, before it is decoded.

Names call a discontinuity a leap: the clock leaps back or ahead.
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

_LEAP_WITHOUT_AUDIO = 60
"""Seconds: without audio, a longer gap is a discontinuity. A screen recording may show one frame for a long time."""

_PADDING = Fraction(1, 20)
"""Seconds: audio that lasts longer than the video of its part, by at most this, is padding. No frame is held for it."""

_TOLERANCE = 5
"""Seconds by which a discontinuity of the audio may differ from that of the video, in its time and in its length."""

_ENTRY_SPACING = 1
"""The least number of seconds between two entries for seeking."""


class Scan:
    """Reads a whole file to find the discontinuities of its clocks.

    Attributes:
        frames: number of video packets.
        indexes: indexes of the video and audio streams that have packets.
        later: indexes of the audio streams that begin after the first discontinuity.
        first_leap: byte position of the first discontinuity; None if there is none.
        unread, chapters: see `JoinedInput`.
    """

    def __init__(self, container: InputContainer | JoinedInput, video: VideoStream, *, seekable: bool = True) -> None:
        """Read `container` from its start to its end.

        seekable: whether reading can start at the byte position of a packet.
        """
        self._joined = isinstance(container, JoinedInput)
        self._seekable = seekable
        self._video = Watch(video, gaps=False)
        self._audio_watches = [Watch(stream, gaps=True) for stream in container.streams.audio]
        self._keys: list[tuple[int, int]] = []  # (ticks, byte position)
        watches = {watch.index: watch for watch in (self._video, *self._audio_watches)}
        with suppress(av.FFmpegError):  # the decoder will report the damage
            for packet in dated(late_streams.packets(container, [video, *container.streams.audio])):
                if not packet.is_discard:
                    watches[packet.stream_index].feed(packet)
                    if packet.is_keyframe and packet.stream_index == video.index:
                        self._note_key(packet)
        self.unread = container.unread if isinstance(container, JoinedInput) else ()
        self.chapters = container.chapters if isinstance(container, JoinedInput) else 0
        self._leaps = [event for event in self._video.events if event.step < 0 or self._is_shared(event)]
        self.frames = self._video.count
        self.indexes = {watch.index for watch in watches.values() if watch.count}
        self.first_leap = self._leaps[0].position if self._leaps else None
        self.later = {
            audio.index for audio in self._audio_watches if self._leaps and _begins_after(self._leaps[0], audio)
        }

    def _note_key(self, packet: Packet[Any]) -> None:
        """Note a key frame for seeking, unless it is too close to the last one."""
        ticks = packet.pts if packet.pts is not None else packet.dts
        position = position_of(packet, -1)
        if position >= 0 and ticks is not None and self._seekable:
            spacing = _ENTRY_SPACING / self._video.base
            if not self._keys or not 0 <= ticks - self._keys[-1][0] < spacing:
                self._keys.append((ticks, position))

    def _is_shared(self, leap: Event) -> bool:
        """Whether `leap`, where the clock of the video jumps ahead, is a discontinuity.

        All audio streams around it must have it too. If there are none, its length decides.
        """
        continuing = [
            audio for audio in self._audio_watches if audio.count and audio.first < leap.position < audio.position
        ]
        if not continuing:
            return leap.step > _LEAP_WITHOUT_AUDIO
        return all(_matching_event(leap, audio) is not None for audio in continuing)

    def offsets(self, interval: Fraction) -> Offsets:
        """Return the offsets that turn the clocks into one clock; `interval`: seconds from frame to frame."""
        changes = {watch.index: [Change(0, Fraction(0))] for watch in (self._video, *self._audio_watches)}
        others = [Change(0, Fraction(0))]
        matched: list[Event] = []
        last_matched = {audio.index: -1 for audio in self._audio_watches}  # position of the last matched event
        offset = Fraction(0)
        for leap, next_leap in pairwise([*self._leaps, None]):
            assert leap is not None
            matches = {
                audio.index: _matching_event(leap, audio, last_matched[audio.index], next_leap)
                for audio in self._audio_watches
            }
            offset = self._next_offset(leap, [event for event in matches.values() if event], offset, interval)
            changes[self._video.index].append(Change(leap.position, offset))
            positions = [leap.position]
            for audio in self._audio_watches:
                index, event = audio.index, matches[audio.index]
                position = min(leap.position, audio.first) if _begins_after(leap, audio) else leap.position
                if event is not None:
                    last_matched[index] = position = event.position
                    matched.append(event)
                    changes[index][-1] = replace(changes[index][-1], until=event.start + offset)
                changes[index].append(Change(position, offset))
                positions.append(position)
            others.append(Change(min(positions), offset, leap=leap))
        count = len(self._leaps)
        for audio in self._audio_watches:  # discontinuities of the audio only
            own = changes[audio.index]
            for event in audio.events:
                if event.leap and event.step < 0 and event not in matched:
                    before = change_at(tuple(own), event.position - 1) or own[0]
                    own.append(Change(event.position, before.offset - event.step))
                    own.sort(key=lambda change: change.position)
                    count += 1
        if not self._joined and not count:
            return Offsets()
        base, video_changes = self._video.base, tuple(changes[self._video.index])
        entries = [(ticks * base, position, change_at(video_changes, position)) for ticks, position in self._keys]
        return Offsets(
            count,
            {index: tuple(own) for index, own in changes.items()},
            tuple(others),
            tuple((time + change.offset, position, time) for time, position, change in entries if change is not None),
        )

    def _next_offset(self, leap: Event, audio_events: list[Event], offset: Fraction, interval: Fraction) -> Fraction:
        """Return the offset of the part after `leap`; `offset` is that of the part before.

        audio_events: the events of the audio streams that match `leap`.
        """
        next_offset = offset - leap.step
        longer = max((offset - event.step - next_offset for event in audio_events), default=Fraction(0))
        if longer > max(interval, _PADDING):
            next_offset += math.ceil((longer - ROUNDING) / interval) * interval
        return round(next_offset / self._video.base) * self._video.base

    def end(self, offsets: Offsets) -> Fraction:
        """Return the time at which the video ends, in seconds on the corrected clock."""
        changes = offsets.changes.get(self._video.index, ())
        return self._video.end * self._video.base + (changes[-1].offset if changes else 0)


def _matching_event(leap: Event, audio: Watch, after: int = -1, next_leap: Event | None = None) -> Event | None:
    """Return the event of `audio` that belongs to a `leap` of the video; None if there is none.

    The event must be after the byte position `after`, and closer to `leap` than to the `next_leap` of the video. The
    part between these two may have no audio.
    """
    end = math.inf if next_leap is None else (leap.position + next_leap.position) / 2
    near = [
        event for event in audio.events if after < event.position < end and abs(event.start - leap.start) <= _TOLERANCE
    ]
    # If the audio ended before the video, its clock jumps back by less.
    most = math.inf if leap.step < 0 else leap.step + _TOLERANCE
    leaps = [event for event in near if event.leap and leap.step - _TOLERANCE <= event.step <= most]
    if leaps:
        return min(leaps, key=lambda event: abs(event.position - leap.position))
    # If the parts overlap in time and the first has less audio, the audio has a gap: its clock does not jump back.
    gaps = [event for event in near if event.position > leap.before and abs(event.step - leap.step) <= _TOLERANCE]
    return min(gaps, key=lambda event: abs(event.position - leap.position)) if leap.step < 0 and gaps else None


def _begins_after(leap: Event, audio: Watch) -> bool:
    """Whether the first packet of `audio` belongs to the part after `leap`."""
    return audio.count > 0 and leap.precedes(audio.first, audio.start * audio.base)
