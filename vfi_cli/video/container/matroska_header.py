"""Adds properties of the video to the header of a finished Matroska file. PyAV cannot pass them to FFmpeg's muxer.

Some codecs (H.264, HEVC) state the aspect ratio themselves, others (VP9, AV1) do not.

The new elements belong inside an element that is already written. To make room for them, the muxer first writes a track
name that is too long, and `insert` then shortens it. RFC 9559 describes the format.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

_SEGMENT, _TRACKS, _TRACK = 0x18538067, 0x1654AE6B, 0xAE
_NAME, _VIDEO, _CRC = 0x536E, 0xE0, 0xBF
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_EXTRA = 2  # bytes by which the length field of the Video element grows
_HEAD = 2**20  # bytes of the file that are read; the Tracks element is among them

_Element = tuple[int, int, int, int]  # its ID; where the element, its content and the next element begin


def aspect(width: int, height: int, sar: Fraction) -> bytes:
    """Return the elements that state the sample aspect ratio `sar` for frames of `width` x `height` pixels."""
    sizes = zip((_DISPLAY_WIDTH, _DISPLAY_HEIGHT), display_size(width, height, sar), strict=True)
    return b"".join(kind.to_bytes(2, "big") + b"\x84" + pixels.to_bytes(4, "big") for kind, pixels in sizes)


def roomy(title: str, elements: bytes) -> str:
    """Return a track title that is long enough to make room for `elements`. `insert` restores `title`."""
    room = len(elements) + _EXTRA
    return title + "." * room if title else "." * (room - 3)  # `insert` also removes the 3 bytes of its header


def insert(path: Path, elements: bytes) -> None:
    """Insert `elements` into the Video element of the first track of the closed file at `path`.

    Raises ValueError if the first track is no video track with a title that `roomy` made.
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


def video_elements(head: bytes) -> dict[int, bytes]:
    """Return the elements in the Video element of the first track, by ID; `head`: the start of the file."""
    data = bytearray(head)
    _, track = _first_track(data)
    _, _, body, body_end = _find(data, track[2], track[3], _VIDEO)
    return {kind: head[at:end] for kind, at, _, end in _elements(data, body, body_end)}


def numbers(element: bytes) -> dict[int, int]:
    """Return the unsigned integers inside a master element, by ID."""
    data = bytearray(element)
    _, _, body, body_end = next(_elements(data, 0, len(data)))
    return {kind: int.from_bytes(data[at:end], "big") for kind, _, at, end in _elements(data, body, body_end)}


def display_size(width: int, height: int, sar: Fraction) -> tuple[int, int]:
    """Return (DisplayWidth, DisplayHeight), in pixels, for frames of `width` x `height` with sample aspect ratio `sar`.

    The ratio is exact, unless that takes more than about twice as many pixels per side as the displayed frame has.
    """
    shape = sar * width / height
    if shape.numerator > 2 * width * sar:
        return max(1, round(width * sar)), height
    times = max(1, round(width * sar / shape.numerator))
    return shape.numerator * times, shape.denominator * times


def _first_track(head: bytearray) -> tuple[_Element, _Element]:
    """Return the Tracks element and the first TrackEntry in it."""
    segment = _find(head, 0, len(head), _SEGMENT)
    tracks = _find(head, segment[2], len(head), _TRACKS)
    return tracks, _find(head, tracks[2], tracks[3], _TRACK)


def _replace(head: bytearray, track: _Element, elements: bytes) -> None:
    """Shorten the name in `track`, and add `elements` to its Video element, which comes later."""
    room = len(elements) + _EXTRA
    _, at, content, end = _find(head, track[2], track[3], _NAME)
    _, video, body, body_end = _find(head, track[2], track[3], _VIDEO)
    if video < end:
        raise ValueError("the name of the track is not where it was expected")
    name = head[content : end - room] if end - content >= room else b""
    short_name = head[at : at + 2] + _length(len(name), content - at - 2) + name if name else b""
    if _DISPLAY_WIDTH.to_bytes(2, "big") in elements:
        for kind, _, unit, unit_end in _elements(head, body, body_end):
            if kind == _DISPLAY_UNIT:  # the muxer writes "unknown"; 0 means pixels
                head[unit:unit_end] = bytes(unit_end - unit)
    new_body = head[body:body_end] + elements
    new_video = head[video : video + 1] + _length(len(new_body), body - video - 1 + _EXTRA) + new_body
    replacement = short_name + head[end:video] + new_video
    if at + len(replacement) != body_end:
        raise ValueError("the name of the track is not as long as expected")
    head[at:body_end] = replacement


def _find(head: bytearray, begin: int, end: int, wanted: int) -> _Element:
    """Return the first element with the ID `wanted` between the bytes `begin` and `end`. Raises ValueError."""
    for element in _elements(head, begin, end):
        if element[0] == wanted:
            return element
    raise ValueError(f"no element {wanted:X} at the start of the file")


def _elements(head: bytearray, begin: int, end: int) -> Iterator[_Element]:
    """Yield the elements between the bytes `begin` and `end`. Raises ValueError if the data is not Matroska."""
    while begin < end - 1:
        content = begin + _width(head[begin])
        kind = int.from_bytes(head[begin:content], "big")
        size = _width(head[content])
        length = int.from_bytes(head[content : content + size], "big") & ~(1 << 7 * size)
        yield kind, begin, content + size, content + size + length
        begin = content + size + length


def _width(first: int) -> int:
    """Return the length of a variable-size integer in bytes, from the leading zeros of its `first` byte."""
    if not first:
        raise ValueError("not an element of Matroska")
    return 9 - first.bit_length()


def _length(length: int, width: int) -> bytes:
    """Return `length` as a variable-size integer of `width` bytes."""
    return (length | 1 << 7 * width).to_bytes(width, "big")
