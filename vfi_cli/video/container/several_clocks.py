"""Detects files whose timestamps follow several clocks: containers that allow it, and files whose times run back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from av.container import InputContainer
from av.format import Flags

from vfi_cli.video.container.structure import MATROSKA, MOVIE, Element, walk

_WITHOUT_FLAG = ("flv", "asf", "nut", "rm")
"""Demuxers of containers that can hold several clocks, although FFmpeg does not give them the flag ts_discont."""

_SEGMENT, _CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
_TIMESTAMP, _CHECKSUM = 0xE7, 0xBF  # elements at the start of a cluster
_BOX_HEADER = 8  # bytes: its size and its type


def may_leap(container: InputContainer) -> bool:
    """Whether this container allows a discontinuity of the timestamps at any place of a file."""
    return Flags.ts_discont in Flags(container.format.flags) or container.format.name in _WITHOUT_FLAG


def runs_back(path: Path, container: str) -> bool:
    """Whether the times of Matroska clusters or MP4 fragments run back; False for other containers.

    container: FFmpeg's name of the demuxer. Raises OSError if the file cannot be read.
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
    """Yield (0, time in ticks) of each cluster; 0 stands for all tracks."""
    segment = next((element for element in walk(file, MATROSKA) if element.head.startswith(_SEGMENT)), None)
    if segment is None:
        return
    for element in walk(file, MATROSKA, segment.position + _master_header(segment.head)):
        if element.head.startswith(_CLUSTER):
            head = element.head[_master_header(element.head) :]
            if head[:1] == bytes([_CHECKSUM]):
                head = head[6:]  # skip the CRC-32 element, 6 bytes
            if head[:1] == bytes([_TIMESTAMP]):
                yield 0, int.from_bytes(head[2 : 2 + (head[1] & 0x7F)])


def _master_header(head: bytes) -> int:
    """Return the length of the header of a master element whose ID has four bytes."""
    return 4 + 9 - head[4].bit_length()


def _fragment_times(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield (track, time in ticks) of each track fragment."""
    for kind, fragment in _boxes(file):
        if kind != b"moof":
            continue
        for inner, track_fragment in _boxes(file, fragment):
            boxes = dict(_boxes(file, track_fragment)) if inner == b"traf" else {}
            if b"tfhd" in boxes and b"tfdt" in boxes:
                yield int.from_bytes(_content(boxes[b"tfhd"])[4:8]), int.from_bytes(_content(boxes[b"tfdt"])[4:])


def _boxes(file: BinaryIO, parent: Element | None = None) -> Iterator[tuple[bytes, Element]]:
    """Yield (type, box) of the boxes at the top level of the file, or inside the box `parent`."""
    begin, stop = (parent.position + _BOX_HEADER, parent.end) if parent is not None else (0, None)
    for box in walk(file, MOVIE, begin, stop):
        if box.end is not None:
            yield box.head[4:_BOX_HEADER], box


def _content(box: Element) -> bytes:
    """Return the bytes after the header of a box, as far as they lie in its first HEAD bytes."""
    assert box.end is not None
    return box.head[_BOX_HEADER : box.end - box.position]
