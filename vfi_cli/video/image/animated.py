"""Detects image files that contain an animation, from a few bytes of their headers."""

from __future__ import annotations

from pathlib import Path

_PNG = b"\x89PNG\r\n\x1a\n"


def is_animation(path: Path) -> bool:
    """Whether the file at `path` is an animated PNG, WebP or AVIF; False if it cannot be read.

    An APNG with one frame is a still image. `path` must be a regular file: reading another kind of file could block.
    """
    try:
        with path.open("rb") as file:
            head = file.read(32)
            if head.startswith(_PNG):
                return _png_frames(path) > 1
    except OSError:
        return False
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
        return bool(head[20] & 2) if len(head) > 20 else False
    return head[4:12] == b"ftypavis"


def _png_frames(path: Path) -> int:
    """Return the number of frames in the chunk acTL, which comes before the image data; 1 without this chunk."""
    with path.open("rb") as file:
        file.seek(len(_PNG))
        while len(chunk := file.read(12)) == 12:
            size, name = int.from_bytes(chunk[:4]), chunk[4:8]
            if name == b"acTL":
                return int.from_bytes(chunk[8:12])
            if name == b"IDAT":
                break
            file.seek(size, 1)  # skip the rest of the chunk: its data and checksum, less the 4 bytes that were read
    return 1
