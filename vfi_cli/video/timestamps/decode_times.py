"""Adds decoding times to packets that have only presentation times.

Matroska and NUT files have such packets at their beginning, if frames are not stored in presentation order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from av.packet import Packet

_MAX_UNDATED = 32  # the most packets in sequence that may lack a decoding time; no codec delays more frames


def dated(packets: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
    """Yield the packets that have a time, each with a decoding time. The packets of a stream stay in order.

    If a packet comes n packets before the next packet of its stream with a decoding time, it gets that time minus n
    packet durations.
    """
    waiting: defaultdict[int, list[Packet[Any]]] = defaultdict(list)
    for packet in packets:
        undated = waiting[packet.stream_index]
        if packet.dts is not None:
            for steps, earlier in zip(range(len(undated), 0, -1), undated, strict=True):
                earlier.dts = packet.dts - steps * (packet.duration or 1)
            yield from undated
            undated.clear()
            yield packet
        elif packet.pts is not None and len(undated) < _MAX_UNDATED:
            undated.append(packet)
