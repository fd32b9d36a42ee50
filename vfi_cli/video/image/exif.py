"""Reads the orientation of an image file from its EXIF data (EXIF 2.32), as (rotation, mirrored) of `clip.ClipInfo`.

PyAV 18.1 returns no side data for a frame with EXIF data. So this module reads the tag from the bytes of the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Protocol

Turn = tuple[int, bool]
"""Degrees by which a player turns the image counter-clockwise; whether it then mirrors the image left to right."""

UPRIGHT: Turn = (0, False)

_TURNS: dict[int, Turn] = {
    1: UPRIGHT,
    2: (0, True),
    3: (180, False),
    4: (180, True),
    5: (-90, True),
    6: (-90, False),
    7: (90, True),
    8: (90, False),
}
_ORIENTATION = 0x0112
_SHORT = 3


class Bytes(Protocol):
    """The type of `bytes` and of a file that is mapped into memory."""

    def __getitem__(self, key: slice, /) -> bytes: ...

    def __len__(self) -> int: ...


def read_turn(data: Bytes, codec: str) -> Turn:
    """Return the orientation of the image in `data`, which FFmpeg decodes with `codec`; UPRIGHT if it has no tag."""
    exif = next(_EXIF_FINDERS[codec](data), b"") if codec in _EXIF_FINDERS else b""
    return _TURNS.get(_orientation(exif), UPRIGHT)


def _orientation(exif: Bytes) -> int:
    """Return the orientation tag of EXIF data, from the first directory of its TIFF structure; 0 if it is missing."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[0:4])
    if order is None:
        return 0
    try:
        (directory,) = struct.unpack(f"{order}I", exif[4:8])
        (count,) = struct.unpack(f"{order}H", exif[directory : directory + 2])
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack(f"{order}HHIH2x", exif[entry : entry + 12])
            if (tag, kind) == (_ORIENTATION, _SHORT):
                return int(value)
    except struct.error:  # the data ends early
        pass
    return 0


def _exif_in_jpeg(data: Bytes) -> Iterator[bytes]:
    """Yield the EXIF data of JPEG: in APP1 segments before the image data."""
    at = 2
    while data[at : at + 1] == b"\xff":
        marker, size = data[at + 1 : at + 2], int.from_bytes(data[at + 2 : at + 4])
        if marker == b"\xda" or size < 2:
            return
        if marker == b"\xe1" and data[at + 4 : at + 10] == b"Exif\0\0":
            yield data[at + 10 : at + 2 + size]
        at += 2 + size


def _exif_in_png(data: Bytes) -> Iterator[bytes]:
    """Yield the EXIF data of PNG: in the chunk eXIf, before or after the image data."""
    at = 8
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        if data[at + 4 : at + 8] == b"eXIf":
            yield data[at + 8 : at + 8 + size]
        at += 12 + size


def _exif_in_webp(data: Bytes) -> Iterator[bytes]:
    """Yield the EXIF data of WebP: in the chunk EXIF, after the image data."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"EXIF":
            yield data[at + 8 : at + 8 + size].removeprefix(b"Exif\0\0")
        at += 8 + size + size % 2


def _exif_in_tiff(data: Bytes) -> Iterator[Bytes]:
    """Yield the EXIF data of TIFF: the file itself, which has the same structure."""
    yield data


_EXIF_FINDERS = {"mjpeg": _exif_in_jpeg, "png": _exif_in_png, "webp": _exif_in_webp, "tiff": _exif_in_tiff}
