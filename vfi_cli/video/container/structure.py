"""Splits container files into their elements, without reading what the elements contain.

An element is a box of MP4, an element of Matroska, a chunk of AVI, a page of Ogg, a tag of FLV, an object of ASF or a
KLV packet of MXF.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

MOVIE, MATROSKA = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"  # FFmpeg's names of the demuxers
HEAD = 282  # bytes; the longest header of an element: a page of Ogg with 255 segments

_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675  # without a size if the file was written as a live stream
_EBML_IDS = (  # RFC 8794, RFC 9559: IDs at the top level, in a Segment, in a Cluster
    *(0x1A45DFA3, 0x18538067, 0xEC, 0xBF),
    *(0x114D9B74, 0x1549A966, 0x1F43B675, 0x1654AE6B, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367),
    *(0xE7, 0x5854, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF),
)
_FLV_TAGS = (8, 9, 18)  # audio, video, data


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a file.

    Args:
        head: the first bytes of the element, at most HEAD.
        position: byte position of the element.
        end: byte position after the element, or after its header if the element has no size or `walk` goes inside.
            None if there is no complete header.
    """

    head: bytes
    position: int
    end: int | None


def walk(
    file: BinaryIO, container: str, begin: int = 0, stop: int | None = None, *, inside: bool = False
) -> Iterator[Element]:
    """Yield the elements of `file` from byte `begin` up to byte `stop`, or up to the end of the file.

    The last element may have no end, or end after `stop`. The caller may read elsewhere in `file` between two elements.

    Args:
        file: a seekable file.
        container: FFmpeg's name of the demuxer, one of those in `_LENGTHS`.
        inside: whether to go into every Matroska Segment; otherwise only into a Segment without a size.

    Raises:
        OSError: if the file cannot be read.
    """
    length = _LENGTHS[container]
    if inside and length is _ebml:
        length = partial(_ebml, inside=True)
    size = stop if stop is not None else file.seek(0, 2)
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
    """Return the length of a box of ISO/IEC 14496-12; `left`: bytes from its start to the end of the file."""
    if len(head) < 8 or not head[4:8].isalnum():
        return None
    size = int.from_bytes(head[:4])
    if size == 0:  # up to the end of the file
        return left
    if size == 1:
        return int.from_bytes(head[8:16]) if len(head) >= 16 else None
    return size


def _ebml(head: bytes, left: int, *, inside: bool = False) -> int | None:
    """Return the length of an EBML element (RFC 8794); if `inside`, only the header of a Segment counts."""
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
    """Return the length of a RIFF chunk."""
    if len(head) < 8 or not head[:4].strip().isalnum():
        return None
    size = int.from_bytes(head[4:8], "little")
    return 8 + size + size % 2


def _page(head: bytes, left: int) -> int | None:
    """Return the length of an Ogg page (RFC 3533)."""
    segments = head[26] if len(head) > 26 else 0
    if not head.startswith(b"OggS") or len(head) < 27 + segments:
        return None
    return 27 + segments + sum(head[27 : 27 + segments])


def _tag(head: bytes, left: int) -> int | None:
    """Return the length of an FLV tag, or of the FLV file header, with the four bytes that follow each of them."""
    if head.startswith(b"FLV") and len(head) >= 9:
        return int.from_bytes(head[5:9]) + 4
    if len(head) < 11 or head[0] & 0x1F not in _FLV_TAGS:
        return None
    return 11 + int.from_bytes(head[1:4]) + 4


def _object(head: bytes, left: int) -> int | None:
    """Return the length of an ASF object."""
    size = int.from_bytes(head[16:24], "little")
    return size if size >= 24 else None


def _klv(head: bytes, left: int) -> int | None:
    """Return the length of a KLV packet (SMPTE ST 336)."""
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
