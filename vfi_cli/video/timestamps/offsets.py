"""Offsets that turn the clocks of a file into one clock, and their use on packets. See `discontinuities`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from vfi_cli.video.demux.joined_input import JoinedInput, position_of
from vfi_cli.video.timestamps.watch import Event


@dataclass(frozen=True, slots=True)
class Change:
    """The offset of the packets of a stream from a byte position on.

    Args:
        position: byte position of the first packet that has this offset.
        offset: seconds to add to the times of the packets.
        until: seconds on the corrected clock; packets with decoding times at or after it are dropped.
        leap: the discontinuity, given only for sparse streams. Their packets after it may be stored before `position`,
            see `Event.precedes`.
    """

    position: int
    offset: Fraction
    until: Fraction | None = None
    leap: Event | None = None


@dataclass(frozen=True, slots=True)
class Offsets:
    """The offsets that turn the clocks of a file into one clock.

    Args:
        count: number of discontinuities.
        changes: the changes of each video and audio stream, by stream index, in order of position.
        others: the changes of all other streams.
        entries: (seconds on the corrected clock, byte position, seconds on the clock of the file) of key frames. Empty
            if the file is not joined and has one clock, or if reading cannot start at a byte position.
    """

    count: int = 0
    changes: dict[int, tuple[Change, ...]] = field(default_factory=dict)
    others: tuple[Change, ...] = ()
    entries: tuple[tuple[Fraction, int, Fraction], ...] = field(default=(), repr=False)

    @property
    def seekable(self) -> bool:
        """Whether the reader can go to a time without reading the file from its start."""
        return not self.count or bool(self.entries)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user about discontinuities."""
        if not self.count:
            return ()
        leaps = "1 discontinuity" if self.count == 1 else f"{self.count} discontinuities"
        return (f"{leaps} in the timestamps: the parts are shown one after the other, with their audio",)

    def seek(self, container: InputContainer | JoinedInput, time: Fraction, stream: Stream | None = None) -> None:
        """Move `container` to a key frame that is shown at or before `time`, in seconds on the corrected clock.

        stream: the stream whose key frame is meant, in a file with one clock; None: FFmpeg chooses.
        """
        earlier = [(position, file_time) for time_shown, position, file_time in self.entries if time_shown <= time]
        position, file_time = earlier[-1] if earlier else (0, None)
        if isinstance(container, JoinedInput):
            container.seek(position, file_time)
        elif self.entries:
            container.seek(position, unsupported_byte_offset=True)
        elif stream is not None:
            assert stream.time_base is not None
            container.seek(int(time / stream.time_base), stream=stream)
        else:
            container.seek(int(time * av.time_base))


class Corrector:
    """Moves the packets of a file to the corrected clock. Each reader of the file needs its own corrector.

    Attributes:
        dropped: number of audio packets that were dropped because they overlapped the next part.
    """

    def __init__(self, offsets: Offsets) -> None:
        self._offsets = offsets
        self._positions: dict[int, int] = {}  # byte position of the last packet, by stream index
        self.dropped = 0

    def correct(self, packets: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
        """Yield the packets, in the order of the file, without those that are dropped."""
        for packet in packets:
            if not self._offsets.count or self._correct(packet):
                yield packet
            else:
                self.dropped += 1

    def _correct(self, packet: Packet[Stream]) -> bool:
        """Move the packet to the corrected clock. Return False if it is past the end of its part."""
        if packet.pts is None and packet.dts is None:
            return True
        index = packet.stream_index
        position = position_of(packet, self._positions.get(index, 0))
        self._positions[index] = position
        change = change_at(self._offsets.changes.get(index, self._offsets.others), position, _time(packet))
        if change is None:
            return True
        ticks = round(change.offset / packet.time_base)
        if packet.pts is not None:
            packet.pts += ticks
        if packet.dts is None:
            return True
        packet.dts += ticks
        return change.until is None or packet.dts * packet.time_base < change.until


def change_at(changes: tuple[Change, ...], position: int, time: Fraction | None = None) -> Change | None:
    """Return the change for a packet at the byte `position`, with `time` on the clock of the file."""
    number = bisect_right(changes, position, key=lambda change: change.position) - 1
    following = changes[number + 1] if number + 1 < len(changes) else None
    if following and following.leap and time is not None and following.leap.precedes(position, time):
        return following
    return changes[number] if number >= 0 else None


def _time(packet: Packet[Stream]) -> Fraction | None:
    ticks = packet.pts if packet.pts is not None else packet.dts
    return ticks * packet.time_base if ticks is not None else None
