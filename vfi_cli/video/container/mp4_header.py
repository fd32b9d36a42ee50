"""Adds properties of the picture to the header of an MP4 file. PyAV cannot pass them to FFmpeg's muxer.

The boxes must go into a box that is already written. To make room, the name of the track is first written longer, and
then shortened. So nothing behind it moves. ISO/IEC 14496-12 describes the format.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from vfi_cli.video.container.structure import MOVIE, walk

_Box = tuple[bytes, int, int]  # its name; where it begins; where the next one begins
_HEAD = 8  # bytes before the content of a box: its size and its name
_AROUND = (b"mdia", b"minf", b"stbl", b"stsd")
_DESCRIPTIONS = 8  # bytes in stsd before the first description
_PICTURE = 78  # bytes in a description of pictures before its boxes


def picture_boxes(head: bytes) -> dict[bytes, bytes]:
    """The complete boxes that describe the picture of the first track, by name; `head`: start of the file."""
    moov = _find(head, 0, len(head), b"moov")
    track = _find(head, moov[1] + _HEAD, moov[2], b"trak")
    _, entry, end = _description(head, track)[-1]
    return {name: head[at:after] for name, at, after in _boxes(head, entry + _HEAD + _PICTURE, end)}


def roomy(title: str, boxes: bytes) -> str:
    """A title for the picture that is long enough for `insert` to use its room. `insert` restores the title."""
    return title + "." * len(boxes) if title else "." * (len(boxes) - 2 * _HEAD)


def insert(path: Path, boxes: bytes) -> None:
    """Put `boxes`, of more than 16 bytes, into the description of the picture in the closed file at `path`.

    The first track is the picture, with a title made by `roomy`. Raises ValueError otherwise.
    """
    with path.open("r+b") as file:
        at, end = _movie(file)
        file.seek(at)
        moov = bytearray(file.read(end - at))
        _insert(moov, boxes)
        file.seek(at)
        file.write(moov)


def _insert(moov: bytearray, boxes: bytes) -> None:
    track = _find(moov, _HEAD, len(moov), b"trak")
    _, at, end = _find(moov, track[1] + _HEAD, track[2], b"udta")
    _, name, after = _find(moov, at + _HEAD, end, b"name")
    *_, (_, _, entry_end) = outer = _description(moov, track)
    if at < entry_end:
        raise ValueError("the name of the track is not where it was expected")
    if after - name - _HEAD == len(boxes) - 2 * _HEAD:  # the file had no title: the whole box is removed
        named = bytearray()
    else:
        named = moov[at : after - len(boxes)] + moov[after:end]
        for box in (0, name - at):
            _resize(named, box, -len(boxes))
    moov[at:end] = named
    moov[entry_end:entry_end] = boxes
    for _, box, _ in outer:
        _resize(moov, box, len(boxes))


def _movie(file: BinaryIO) -> tuple[int, int]:
    """Where the moov box begins and ends."""
    for box in walk(file, MOVIE):
        if box.head[4:_HEAD] == b"moov" and box.end is not None:
            return box.position, box.end
    raise ValueError("no moov box in the file")


def _description(data: bytes | bytearray, track: _Box) -> list[_Box]:
    """The boxes in `track` around the description of the picture, then the description."""
    boxes = [track]
    for name in _AROUND:
        _, at, end = boxes[-1]
        boxes.append(_find(data, at + _HEAD, end, name))
    _, at, end = boxes[-1]
    return [*boxes[1:], next(_boxes(data, at + _HEAD + _DESCRIPTIONS, end))]


def _find(data: bytes | bytearray, begin: int, end: int, wanted: bytes) -> _Box:
    for box in _boxes(data, begin, end):
        if box[0] == wanted:
            return box
    raise ValueError(f"no box {wanted.decode()} in the file")


def _boxes(data: bytes | bytearray, begin: int, end: int) -> Iterator[_Box]:
    while begin + _HEAD <= end:
        size = int.from_bytes(data[begin : begin + 4], "big")
        if size < _HEAD:
            raise ValueError("not a box of MP4")
        yield bytes(data[begin + 4 : begin + _HEAD]), begin, begin + size
        begin += size


def _resize(data: bytearray, at: int, by: int) -> None:
    data[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + by).to_bytes(4, "big")
