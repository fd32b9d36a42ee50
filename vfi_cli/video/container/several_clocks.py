"""Which files can hold several clocks, and which do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from av.container import InputContainer
from av.format import Flags

from vfi_cli.video.container.structure import MATROSKA, MOVIE, Element, walk

_UNMARKED = ("flv", "asf", "nut", "rm")
"""Demuxers of further containers that can hold several clocks; FFmpeg marks only the others."""

_SEGMENT, _CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
_TIMESTAMP, _CHECKSUM = 0xE7, 0xBF  # elements at the start of a cluster
_BOX_HEADER = 8  # bytes: its size and its kind


def may_leap(container: InputContainer) -> bool:
    """Whether a file of this kind can hold several clocks at any place."""
    return Flags.ts_discont in Flags(container.format.flags) or container.format.name in _UNMARKED


def runs_back(path: Path, container: str) -> bool:
    """Whether the times of the clusters of Matroska, or of the fragments of MP4, run back. Raises OSError.

    container: demuxer name of FFmpeg.
    """
    times = {MOVIE: _fragment_times, MATROSKA: _cluster_times}.get(container)
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
    segment = next((element for element in walk(file, MATROSKA) if element.head.startswith(_SEGMENT)), None)
    if segment is None:
        return
    for element in walk(file, MATROSKA, segment.position + _master(segment.head)):
        if element.head.startswith(_CLUSTER):
            head = element.head[_master(element.head) :]
            if head[:1] == bytes([_CHECKSUM]):
                head = head[6:]  # bytes of that element
            if head[:1] == bytes([_TIMESTAMP]):
                yield 0, int.from_bytes(head[2 : 2 + (head[1] & 0x7F)])


def _master(head: bytes) -> int:
    """The length of the header of a master element with an ID of four bytes."""
    return 4 + 9 - head[4].bit_length()


def _fragment_times(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """(track, ticks) of each fragment."""
    for kind, fragment in _boxes(file):
        if kind != b"moof":
            continue
        for inner, run in _boxes(file, fragment):
            inside = dict(_boxes(file, run)) if inner == b"traf" else {}
            if b"tfhd" in inside and b"tfdt" in inside:
                yield int.from_bytes(_content(inside[b"tfhd"])[4:8]), int.from_bytes(_content(inside[b"tfdt"])[4:])


def _boxes(file: BinaryIO, around: Element | None = None) -> Iterator[tuple[bytes, Element]]:
    """(kind, box) of the boxes in the file, or in the box `around` them."""
    begin, over = (around.position + _BOX_HEADER, around.end) if around is not None else (0, None)
    for box in walk(file, MOVIE, begin, over):
        if box.end is not None:
            yield box.head[4:_BOX_HEADER], box


def _content(box: Element) -> bytes:
    """The bytes after the header of a box, up to HEAD in all."""
    assert box.end is not None
    return box.head[_BOX_HEADER : box.end - box.position]
