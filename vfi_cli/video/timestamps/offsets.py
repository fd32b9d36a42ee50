"""Offsets that make one clock of the clocks of a file, and the correction of its packets. See `discontinuities`."""

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
    """From the byte `position` on, packets move by `offset` seconds; those at `until` or later are then dropped.

    leap: the packets of a sparse stream may lie before `position` already, see `Event.is_passed`.
    """

    position: int
    offset: Fraction
    until: Fraction | None = None
    leap: Event | None = None


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

    def seek(self, container: InputContainer | JoinedInput, time: Fraction, stream: Stream | None = None) -> None:
        """Move `container` to a key frame that is shown at or before `time`, in seconds on the corrected clock.

        stream: whose key frame, in a file of one clock; None: FFmpeg chooses.
        """
        earlier = [(position, stated) for shown, position, stated in self.entries if shown <= time]
        position, stated = earlier[-1] if earlier else (0, None)
        if isinstance(container, JoinedInput):
            container.seek(position, stated)
        elif self.entries:
            container.seek(position, unsupported_byte_offset=True)
        elif stream is not None:
            assert stream.time_base is not None
            container.seek(int(time / stream.time_base), stream=stream)
        else:
            container.seek(int(time * av.time_base))


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
    """The change for a packet at the byte `position`, shown at `time` on the clock of the file."""
    number = bisect_right(changes, position, key=lambda change: change.position) - 1
    following = changes[number + 1] if number + 1 < len(changes) else None
    if following and following.leap and time is not None and following.leap.is_passed(position, time):
        return following
    return changes[number] if number >= 0 else None


def _time(packet: Packet[Stream]) -> Fraction | None:
    ticks = packet.pts if packet.pts is not None else packet.dts
    return ticks * packet.time_base if ticks is not None else None
