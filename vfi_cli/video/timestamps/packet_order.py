"""Repairs the order of packets if single packets are out of order. `Corrector` has corrected discontinuities before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from av.packet import Packet


class InOrder:
    """Leaves out audio packets that are repeated or have a wrong time. Moves other packets to the time of the last one.

    Packets with equal times may still differ: Matroska rounds times to ms, and TrueHD packets are shorter than that.

    Args:
        audio_streams: indexes of the audio streams.

    Attributes:
        left_out: number of audio packets that were left out so far.
    """

    def __init__(self, audio_streams: Collection[int]) -> None:
        self._audio_streams = audio_streams
        # By stream index: ticks and hash of the last packet that was yielded; the audio packet after it.
        self._last_yielded: dict[int, tuple[int, int]] = {}
        self._waiting: dict[int, Packet[Any]] = {}
        self.left_out = 0

    def packets(self, packets: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
        """Yield the packets in the order of the file. All must have a decoding time."""
        for packet in packets:
            index = packet.stream_index
            if index not in self._audio_streams:
                yield self._move_forward(packet)
                continue
            waiting, self._waiting[index] = self._waiting.get(index), packet
            if waiting is None:
                continue
            last = self._last_yielded.get(index, (_time(waiting), 0))[0]
            if last <= _time(packet) < _time(waiting):  # the waiting packet has a wrong time: too late
                self.left_out += 1
            else:
                yield from self._filtered(waiting)
        for waiting in self._waiting.values():
            yield from self._filtered(waiting)

    def _move_forward(self, packet: Packet[Any]) -> Packet[Any]:
        """Move the packet to the time of the packet before it, if it is earlier, and return it."""
        time = _time(packet)
        last = max(time, self._last_yielded.get(packet.stream_index, (time, 0))[0])
        if packet.pts is not None:
            packet.pts += last - time
        packet.dts = last
        self._last_yielded[packet.stream_index] = last, 0
        return packet

    def _filtered(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        """Yield the packet, unless it is earlier than the packet before it or repeats that packet."""
        time, content = _time(packet), hash(bytes(packet))
        last = self._last_yielded.get(packet.stream_index)
        if last is not None and (time < last[0] or (time, content) == last):
            self.left_out += 1
        else:
            self._last_yielded[packet.stream_index] = time, content
            yield packet


def _time(packet: Packet[Any]) -> int:
    assert packet.dts is not None
    return packet.dts
