"""Decoding times for packets that have only a time of showing: the first frames of Matroska and NUT, if later ones are
shown before them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from av.packet import Packet

_MOST = 32  # packets in sequence that lack a decoding time; no codec delays more frames


def dated(packets: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
    """The packets that have a time, each with a decoding time; those of a stream stay in order.

    A packet without one is decoded as many frames before the next one that has one as there are packets between them.
    """
    waiting: defaultdict[int, list[Packet[Any]]] = defaultdict(list)
    for packet in packets:
        undated = waiting[packet.stream_index]
        if packet.dts is not None:
            for ahead, early in zip(range(len(undated), 0, -1), undated, strict=True):
                early.dts = packet.dts - ahead * (packet.duration or 1)
            yield from undated
            undated.clear()
            yield packet
        elif packet.pts is not None and len(undated) < _MOST:
            undated.append(packet)
