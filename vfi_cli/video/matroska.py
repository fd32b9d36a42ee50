"""The aspect ratio in the header of a Matroska file, which FFmpeg's muxer would write, had PyAV a way to tell it.

Some codecs (H.264, HEVC) say it themselves, others (VP9, AV1) do not. The elements have to be put inside of one that is
written already, so the name of the track is made longer by as much and shortened again. RFC 9559 describes the format.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

_SEGMENT, _TRACKS, _TRACK = 0x18538067, 0x1654AE6B, 0xAE
_NAME, _VIDEO, _CRC = 0x536E, 0xE0, 0xBF
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_ROOM = 14  # bytes: two elements, each of 2 for what it is, 1 for its length and 4 for a number
_HEAD = 2**20  # bytes of the file that are read; the tracks come first

_Element = tuple[int, int, int, int]  # what it is; where it, its content and the next one begin


def roomy(title: str) -> str:
    """The title to give the picture, so that `write_aspect` finds room and takes it away again."""
    return title + "." * _ROOM if title else "." * (_ROOM - 3)  # such a name of its own has a head of 3 bytes


def write_aspect(path: Path, width: int, height: int, sar: Fraction) -> None:
    """Say in the header of the closed file at `path` that samples of its picture are `sar` as wide as high.

    The first track is the picture, of `width` x `height`, with a title made by `roomy`. Raises ValueError if not.
    """
    with path.open("r+b") as file:
        head = bytearray(file.read(_HEAD))
        segment = _find(head, 0, len(head), _SEGMENT)
        tracks = _find(head, segment[2], len(head), _TRACKS)
        track = _find(head, tracks[2], tracks[3], _TRACK)
        _replace(head, track, display_size(width, height, sar))
        crc, _, begin, end = next(_elements(head, tracks[2], tracks[3]))
        if crc == _CRC:
            head[begin:end] = zlib.crc32(head[end : tracks[3]]).to_bytes(4, "little")
        file.seek(tracks[1])
        file.write(head[tracks[1] : tracks[3]])


def display_size(width: int, height: int, sar: Fraction) -> tuple[int, int]:
    """Pixels that stand for the shape, exactly if that takes no picture of more than about twice the size."""
    shape = sar * width / height
    if shape.numerator > 2 * width * sar:
        return max(1, round(width * sar)), height
    times = max(1, round(width * sar / shape.numerator))
    return shape.numerator * times, shape.denominator * times


def _replace(head: bytearray, track: _Element, size: tuple[int, int]) -> None:
    """Shorten the name in `track` and lengthen its picture, which comes later, by the two elements."""
    _, at, content, end = _find(head, track[2], track[3], _NAME)
    _, video, inside, over = _find(head, track[2], track[3], _VIDEO)
    if video < end:
        raise ValueError("the name of the track is not where it was expected")
    name = head[content : end - _ROOM] if end - content >= _ROOM else b""
    named = head[at : at + 2] + _length(len(name), content - at - 2) + name if name else b""
    display = b"".join(
        kind.to_bytes(2, "big") + b"\x84" + pixels.to_bytes(4, "big")
        for kind, pixels in zip((_DISPLAY_WIDTH, _DISPLAY_HEIGHT), size, strict=True)
    )
    for kind, _, unit, beyond in _elements(head, inside, over):
        if kind == _DISPLAY_UNIT:  # unknown, as the muxer has it: pixels
            head[unit:beyond] = bytes(beyond - unit)
    picture = head[inside:over] + display
    widened = head[video : video + 1] + _length(len(picture), inside - video - 1) + picture
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
