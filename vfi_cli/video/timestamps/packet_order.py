"""Repairs the order of packets where single ones are out of order. Leaps of the clock were corrected before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from av.packet import Packet


class InOrder:
    """Leaves out sound that comes a second time or has a wrong time. Moves other packets to the time of the last one.

    Packets with equal times can differ: Matroska counts milliseconds, and a packet of TrueHD is shorter.

    Args:
        sounds: indexes of the streams that are sound.

    Attributes:
        left_out: packets of sound so far.
    """

    def __init__(self, sounds: Collection[int]) -> None:
        self._sounds = sounds
        self._lasts: dict[int, tuple[int, int]] = {}  # ticks and content of the last packet that was given
        self._next: dict[int, Packet[Any]] = {}  # the packet after that, if it is sound
        self.left_out = 0

    def packets(self, packets: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
        """The packets in the order of the file. All must have a decoding time."""
        for packet in packets:
            index = packet.stream_index
            if index not in self._sounds:
                yield self._moved(packet)
                continue
            waiting, self._next[index] = self._next.get(index), packet
            if waiting is None:
                continue
            last = self._lasts.get(index, (_time(waiting), 0))[0]
            if last <= _time(packet) < _time(waiting):  # the time of the one in between is wrong: too late
                self.left_out += 1
            else:
                yield from self._given(waiting)
        for waiting in self._next.values():
            yield from self._given(waiting)

    def _moved(self, packet: Packet[Any]) -> Packet[Any]:
        """The packet, not earlier than the one before it."""
        time = _time(packet)
        last = max(time, self._lasts.get(packet.stream_index, (time, 0))[0])
        if packet.pts is not None:
            packet.pts += last - time
        packet.dts = last
        self._lasts[packet.stream_index] = last, 0
        return packet

    def _given(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        """The packet, unless it is earlier than the one before it or repeats it."""
        time, content = _time(packet), hash(bytes(packet))
        last = self._lasts.get(packet.stream_index)
        if last is not None and (time < last[0] or (time, content) == last):
            self.left_out += 1
        else:
            self._lasts[packet.stream_index] = time, content
            yield packet


def _time(packet: Packet[Any]) -> int:
    assert packet.dts is not None
    return packet.dts
