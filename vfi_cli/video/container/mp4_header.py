"""Adds properties of the video to the header of a finished MP4 file. PyAV cannot pass them to FFmpeg's muxer.

The new boxes belong inside a box that is already written. To make room for them, the muxer first writes a track name
that is too long, and `insert` then shortens it. So the data after the header keeps its place. ISO/IEC 14496-12
describes the format.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from vfi_cli.video.container.structure import MOVIE, walk

_Box = tuple[bytes, int, int]  # its name; where it begins; where the next one begins
_HEAD = 8  # bytes of the header of a box: its size and its name
_PARENTS = (b"mdia", b"minf", b"stbl", b"stsd")
_DESCRIPTIONS = 8  # bytes in stsd, after its header, before the first description
_VISUAL_ENTRY = 78  # bytes in a VisualSampleEntry, after its header, before its boxes


def video_boxes(head: bytes) -> dict[bytes, bytes]:
    """Return the boxes in the video description of the first track, by name; `head`: the start of the file."""
    moov = _find(head, 0, len(head), b"moov")
    track = _find(head, moov[1] + _HEAD, moov[2], b"trak")
    _, entry, end = _description(head, track)[-1]
    return {name: head[at:after] for name, at, after in _boxes(head, entry + _HEAD + _VISUAL_ENTRY, end)}


def roomy(title: str, boxes: bytes) -> str:
    """Return a track title that is long enough to make room for `boxes`. `insert` restores `title`."""
    return title + "." * len(boxes) if title else "." * (len(boxes) - 2 * _HEAD)


def insert(path: Path, boxes: bytes) -> None:
    """Insert `boxes` (more than 16 bytes) into the video description of the first track of the closed file at `path`.

    Raises ValueError if the first track is no video track with a title that `roomy` made.
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
    *_, (_, _, entry_end) = parents = _description(moov, track)
    if at < entry_end:
        raise ValueError("the name of the track is not where it was expected")
    if after - name - _HEAD == len(boxes) - 2 * _HEAD:  # the track had no title: remove the whole udta box
        named = bytearray()
    else:
        named = moov[at : after - len(boxes)] + moov[after:end]
        for box in (0, name - at):
            _resize(named, box, -len(boxes))
    moov[at:end] = named
    moov[entry_end:entry_end] = boxes
    for _, box, _ in parents:
        _resize(moov, box, len(boxes))


def _movie(file: BinaryIO) -> tuple[int, int]:
    """Return the positions where the moov box begins and ends."""
    for box in walk(file, MOVIE):
        if box.head[4:_HEAD] == b"moov" and box.end is not None:
            return box.position, box.end
    raise ValueError("no moov box in the file")


def _description(data: bytes | bytearray, track: _Box) -> list[_Box]:
    """Return the boxes in `track` that contain the video description, then the description itself."""
    boxes = [track]
    for name in _PARENTS:
        _, at, end = boxes[-1]
        boxes.append(_find(data, at + _HEAD, end, name))
    _, at, end = boxes[-1]
    return [*boxes[1:], next(_boxes(data, at + _HEAD + _DESCRIPTIONS, end))]


def _find(data: bytes | bytearray, begin: int, end: int, wanted: bytes) -> _Box:
    """Return the first box with the name `wanted` between the bytes `begin` and `end`. Raises ValueError."""
    for box in _boxes(data, begin, end):
        if box[0] == wanted:
            return box
    raise ValueError(f"no box {wanted.decode()} in the file")


def _boxes(data: bytes | bytearray, begin: int, end: int) -> Iterator[_Box]:
    """Yield the boxes between the bytes `begin` and `end`. Raises ValueError if the data is not MP4."""
    while begin + _HEAD <= end:
        size = int.from_bytes(data[begin : begin + 4], "big")
        if size < _HEAD:
            raise ValueError("not a box of MP4")
        yield bytes(data[begin + 4 : begin + _HEAD]), begin, begin + size
        begin += size


def _resize(data: bytearray, at: int, by: int) -> None:
    """Add `by` to the stated size of the box at the byte `at`."""
    data[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + by).to_bytes(4, "big")
