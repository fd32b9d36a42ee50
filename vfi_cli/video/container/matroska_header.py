"""Adds properties of the picture to the header of a Matroska file. PyAV cannot pass them to FFmpeg's muxer.

Some codecs (H.264, HEVC) state the aspect themselves, others (VP9, AV1) do not. The elements must go into an element
that is already written. To make room, the name of the track is first written longer, and then shortened. RFC 9559
describes the format.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

_SEGMENT, _TRACKS, _TRACK = 0x18538067, 0x1654AE6B, 0xAE
_NAME, _VIDEO, _CRC = 0x536E, 0xE0, 0xBF
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_WIDER = 2  # bytes more than the muxer writes for the length of the picture's element
_HEAD = 2**20  # bytes of the file that are read; the tracks come first

_Element = tuple[int, int, int, int]  # what it is; where it, its content and the next one begin


def aspect(width: int, height: int, sar: Fraction) -> bytes:
    """The elements that state the sample aspect ratio `sar` for a picture of `width` x `height`."""
    sizes = zip((_DISPLAY_WIDTH, _DISPLAY_HEIGHT), display_size(width, height, sar), strict=True)
    return b"".join(kind.to_bytes(2, "big") + b"\x84" + pixels.to_bytes(4, "big") for kind, pixels in sizes)


def roomy(title: str, elements: bytes) -> str:
    """A title for the picture that is long enough for `insert` to use its room. `insert` restores the title."""
    room = len(elements) + _WIDER
    return title + "." * room if title else "." * (room - 3)  # its head has 3 bytes, and goes too


def insert(path: Path, elements: bytes) -> None:
    """Put `elements` into the description of the picture in the closed file at `path`.

    The first track is the picture, with a title made by `roomy`. Raises ValueError otherwise.
    """
    with path.open("r+b") as file:
        head = bytearray(file.read(_HEAD))
        tracks, track = _first_track(head)
        _replace(head, track, elements)
        crc, _, begin, end = next(_elements(head, tracks[2], tracks[3]))
        if crc == _CRC:
            head[begin:end] = zlib.crc32(head[end : tracks[3]]).to_bytes(4, "little")
        file.seek(tracks[1])
        file.write(head[tracks[1] : tracks[3]])


def picture_elements(head: bytes) -> dict[int, bytes]:
    """The complete elements that describe the picture of the first track, by kind; `head`: start of the file."""
    data = bytearray(head)
    _, track = _first_track(data)
    _, _, inside, over = _find(data, track[2], track[3], _VIDEO)
    return {kind: head[at:end] for kind, at, _, end in _elements(data, inside, over)}


def numbers(element: bytes) -> dict[int, int]:
    """The numbers inside an element, by kind."""
    data = bytearray(element)
    _, _, inside, over = next(_elements(data, 0, len(data)))
    return {kind: int.from_bytes(data[at:end], "big") for kind, _, at, end in _elements(data, inside, over)}


def display_size(width: int, height: int, sar: Fraction) -> tuple[int, int]:
    """Pixels that stand for the shape, exactly if that takes no picture of more than about twice the size."""
    shape = sar * width / height
    if shape.numerator > 2 * width * sar:
        return max(1, round(width * sar)), height
    times = max(1, round(width * sar / shape.numerator))
    return shape.numerator * times, shape.denominator * times


def _first_track(head: bytearray) -> tuple[_Element, _Element]:
    """All tracks, and the first one."""
    segment = _find(head, 0, len(head), _SEGMENT)
    tracks = _find(head, segment[2], len(head), _TRACKS)
    return tracks, _find(head, tracks[2], tracks[3], _TRACK)


def _replace(head: bytearray, track: _Element, elements: bytes) -> None:
    """Shorten the name in `track`, and add `elements` to its picture, which comes later."""
    room = len(elements) + _WIDER
    _, at, content, end = _find(head, track[2], track[3], _NAME)
    _, video, inside, over = _find(head, track[2], track[3], _VIDEO)
    if video < end:
        raise ValueError("the name of the track is not where it was expected")
    name = head[content : end - room] if end - content >= room else b""
    named = head[at : at + 2] + _length(len(name), content - at - 2) + name if name else b""
    if _DISPLAY_WIDTH.to_bytes(2, "big") in elements:
        for kind, _, unit, beyond in _elements(head, inside, over):
            if kind == _DISPLAY_UNIT:  # the muxer writes "unknown"; 0 means pixels
                head[unit:beyond] = bytes(beyond - unit)
    picture = head[inside:over] + elements
    widened = head[video : video + 1] + _length(len(picture), inside - video - 1 + _WIDER) + picture
    moved = named + head[end:video] + widened
    if at + len(moved) != over:
        raise ValueError("the name of the track is not as long as expected")
    head[at:over] = moved


def _find(head: bytearray, begin: int, end: int, wanted: int) -> _Element:
    for element in _elements(head, begin, end):
        if element[0] == wanted:
            return element
    raise ValueError(f"no element {wanted:X} in the head of the file")


def _elements(head: bytearray, begin: int, end: int) -> Iterator[_Element]:
    while begin < end - 1:
        content = begin + _width(head[begin])
        kind = int.from_bytes(head[begin:content], "big")
        size = _width(head[content])
        length = int.from_bytes(head[content : content + size], "big") & ~(1 << 7 * size)
        yield kind, begin, content + size, content + size + length
        begin = content + size + length


def _width(first: int) -> int:
    """Bytes of a number, from its first one: the zeros before its highest bit tell."""
    if not first:
        raise ValueError("not an element of Matroska")
    return 9 - first.bit_length()


def _length(length: int, width: int) -> bytes:
    return (length | 1 << 7 * width).to_bytes(width, "big")
