"""Finds from its structure if a file lacks its end, after a broken download or recording."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_MASTERS = (0x18538067, 0x1F43B675)  # Segment and Cluster; they have no size in files written as a stream


def is_truncated(path: Path, container: str) -> bool | None:
    """Whether the file at `path` lacks its end; None if this cannot be told from its format.

    container: demuxer name of FFmpeg. Raises OSError.
    """
    next_element = _READERS.get(container)
    if next_element is None:
        return None
    size = path.stat().st_size
    with path.open("rb") as file:
        position = 0
        while position < size:
            file.seek(position)
            end = next_element(file, position)
            if end is None or end > size:
                return True
            if end <= position:
                return None
            position = end
    return False


def _next_box(file: BinaryIO, position: int) -> int | None:
    """The end of the box of ISO/IEC 14496-12 at `position`; None if its header is incomplete."""
    header = file.read(16)
    if len(header) < 8:
        return None
    size = int.from_bytes(header[:4])
    if size == 0:  # up to the end of the file
        return file.seek(0, 2)
    if size == 1:
        return position + int.from_bytes(header[8:]) if len(header) == 16 else None
    return position + size


def _next_element(file: BinaryIO, position: int) -> int | None:
    """The end of the EBML element (RFC 8794) at `position`; of a master of unknown size, the end of its header."""
    header = file.read(12)
    if not header or not header[0]:
        return None if len(header) < 2 else position + 1  # padding
    id_bytes = 9 - header[0].bit_length()
    if len(header) <= id_bytes or not header[id_bytes]:
        return None
    size_bytes = 9 - header[id_bytes].bit_length()
    begin = id_bytes + size_bytes
    if len(header) < begin:
        return None
    size = int.from_bytes(header[id_bytes:begin]) & ((1 << 7 * size_bytes) - 1)
    unknown = size == (1 << 7 * size_bytes) - 1
    if unknown and int.from_bytes(header[:id_bytes]) in _MASTERS:
        size = 0
    return position + begin + size


def _next_chunk(file: BinaryIO, position: int) -> int | None:
    """The end of the RIFF chunk at `position`."""
    header = file.read(8)
    if len(header) < 8:
        return None
    size = int(struct.unpack("<I", header[4:])[0])
    return position + 8 + size + size % 2


_READERS: dict[str, Callable[[BinaryIO, int], int | None]] = {
    "mov,mp4,m4a,3gp,3g2,mj2": _next_box,
    "matroska,webm": _next_element,
    "avi": _next_chunk,
}
