"""The structure of container files: their elements one after another, whatever is in them.

An element is a box of MP4, an element of Matroska, a chunk of AVI, a page of Ogg, a tag of FLV, an object of ASF or a
KLV packet of MXF.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

MOVIE, MATROSKA = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"  # demuxer names of FFmpeg
HEAD = 282  # bytes; the longest header of an element: a page of Ogg with 255 segments

_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675  # they have no size in files written as a stream
_EBML_IDS = (  # of RFC 8794 and RFC 9559: at the top, in a Segment, in a Cluster
    *(0x1A45DFA3, 0x18538067, 0xEC, 0xBF),
    *(0x114D9B74, 0x1549A966, 0x1F43B675, 0x1654AE6B, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367),
    *(0xE7, 0x5854, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF),
)
_FLV_TAGS = (8, 9, 18)  # sound, picture, data


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a file.

    Args:
        head: the first bytes of the element, up to HEAD.
        position: of its first byte.
        end: of its last byte, plus 1. Of a master element without a size, that of its header; None if the header is
            incomplete or no header.
    """

    head: bytes
    position: int
    end: int | None


def walk(
    file: BinaryIO, container: str, begin: int = 0, over: int | None = None, *, inside: bool = False
) -> Iterator[Element]:
    """The elements of `file` from byte `begin` up to byte `over`, or up to the end of the file.

    The last one can have no end, or end beyond that. The file may be moved between two elements.

    Args:
        container: demuxer name of FFmpeg, one of those in `_LENGTHS`.
        inside: give what is in a Segment of Matroska too, not only if it has no size.

    Raises OSError.
    """
    length = _LENGTHS[container]
    if inside and length is _ebml:
        length = partial(_ebml, inside=True)
    size = over if over is not None else file.seek(0, 2)
    position = begin
    while position < size:
        file.seek(position)
        head = file.read(HEAD)
        step = length(head, size - position)
        end = position + step if step is not None else None
        yield Element(head, position, end)
        if not step or position + step > size:
            return
        position += step


def _box(head: bytes, left: int) -> int | None:
    """The length of a box of ISO/IEC 14496-12; `left`: bytes up to the end of the file."""
    if len(head) < 8 or not head[4:8].isalnum():
        return None
    size = int.from_bytes(head[:4])
    if size == 0:  # up to the end of the file
        return left
    if size == 1:
        return int.from_bytes(head[8:16]) if len(head) >= 16 else None
    return size


def _ebml(head: bytes, left: int, *, inside: bool = False) -> int | None:
    """The length of an EBML element (RFC 8794); `inside`: of a Segment that of its header."""
    if not head or not head[0]:
        return None if len(head) < 2 else len(head) - len(head.lstrip(b"\0"))  # padding
    id_bytes = 9 - head[0].bit_length()
    kind = int.from_bytes(head[:id_bytes])
    if len(head) <= id_bytes or not head[id_bytes] or kind not in _EBML_IDS:
        return None
    size_bytes = 9 - head[id_bytes].bit_length()
    begin = id_bytes + size_bytes
    if len(head) < begin:
        return None
    size = int.from_bytes(head[id_bytes:begin]) & ((1 << 7 * size_bytes) - 1)
    unknown = size == (1 << 7 * size_bytes) - 1
    if (unknown and kind == _CLUSTER) or ((unknown or inside) and kind == _SEGMENT):
        size = 0
    return begin + size


def _chunk(head: bytes, left: int) -> int | None:
    """The length of a RIFF chunk."""
    if len(head) < 8 or not head[:4].strip().isalnum():
        return None
    size = int.from_bytes(head[4:8], "little")
    return 8 + size + size % 2


def _page(head: bytes, left: int) -> int | None:
    """The length of a page of Ogg (RFC 3533)."""
    segments = head[26] if len(head) > 26 else 0
    if not head.startswith(b"OggS") or len(head) < 27 + segments:
        return None
    return 27 + segments + sum(head[27 : 27 + segments])


def _tag(head: bytes, left: int) -> int | None:
    """The length of a tag of FLV, or of the header of the file, with the four bytes that follow each."""
    if head.startswith(b"FLV") and len(head) >= 9:
        return int.from_bytes(head[5:9]) + 4
    if len(head) < 11 or head[0] & 0x1F not in _FLV_TAGS:
        return None
    return 11 + int.from_bytes(head[1:4]) + 4


def _object(head: bytes, left: int) -> int | None:
    """The length of an object of ASF."""
    size = int.from_bytes(head[16:24], "little")
    return size if size >= 24 else None


def _klv(head: bytes, left: int) -> int | None:
    """The length of a KLV packet (SMPTE ST 336)."""
    if len(head) < 17 or not head.startswith(b"\x06\x0e\x2b\x34"):
        return None
    if head[16] < 0x80:
        return 17 + head[16]
    more = head[16] & 0x7F
    return 17 + more + int.from_bytes(head[17 : 17 + more])


_LENGTHS: dict[str, Callable[[bytes, int], int | None]] = {
    MOVIE: _box,
    MATROSKA: _ebml,
    "avi": _chunk,
    "ogg": _page,
    "flv": _tag,
    "asf": _object,
    "mxf": _klv,
}
