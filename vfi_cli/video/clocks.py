"""Which files can hold several clocks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from av.container import InputContainer
from av.format import Flags

from vfi_cli.video.structure import walk

_UNMARKED = ("flv", "asf", "nut", "rm")
"""Demuxers of further containers that can hold several clocks; FFmpeg marks only the others."""

_MOVIE, _MATROSKA = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"
_SEGMENT, _CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
_TIMESTAMP, _CHECKSUM = 0xE7, 0xBF
_LARGEST = 2**24  # bytes of the head of a fragment


def may_leap(container: InputContainer) -> bool:
    """Whether a file of this kind can hold several clocks at any place."""
    return Flags.ts_discont in Flags(container.format.flags) or container.format.name in _UNMARKED


def runs_back(path: Path, container: str) -> bool:
    """Whether the times of the clusters of Matroska, or of the fragments of MP4, run back. Raises OSError.

    container: demuxer name of FFmpeg.
    """
    times = {_MOVIE: _fragment_times, _MATROSKA: _cluster_times}.get(container)
    if times is None:
        return False
    last: dict[int, int] = {}
    with path.open("rb") as file:
        for track, time in times(file):
            if time < last.get(track, time):
                return True
            last[track] = time
    return False


def _cluster_times(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """(0, ticks) of each cluster."""
    segment = next((element for element in walk(file, _MATROSKA) if element.head.startswith(_SEGMENT)), None)
    if segment is None:
        return
    for element in walk(file, _MATROSKA, segment.position + _master(segment.head)):
        if element.head.startswith(_CLUSTER):
            head = element.head[_master(element.head) :]
            if head[:1] == bytes([_CHECKSUM]):
                head = head[6:]
            if head[:1] == bytes([_TIMESTAMP]):
                yield 0, int.from_bytes(head[2 : 2 + (head[1] & 0x7F)])


def _master(head: bytes) -> int:
    """The length of the header of a master element with an ID of four bytes."""
    return 4 + 9 - head[4].bit_length()


def _fragment_times(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """(track, ticks) of each fragment."""
    for element in walk(file, _MOVIE):
        if element.head[4:8] == b"moof" and element.end is not None:
            file.seek(element.position)
            for kind, run in _boxes(file.read(min(element.end - element.position, _LARGEST))[8:]):
                inside = dict(_boxes(run)) if kind == b"traf" else {}
                if b"tfhd" in inside and b"tfdt" in inside:
                    yield int.from_bytes(inside[b"tfhd"][4:8]), int.from_bytes(inside[b"tfdt"][4:])


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of the boxes in `data`."""
    while len(data) >= 8:
        size = max(int.from_bytes(data[:4]), 8)
        yield data[4:8], data[8:size]
        data = data[size:]
