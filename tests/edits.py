"""Makes MP4 files whose edit lists show only some parts. Phones and video editors write such files."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

_PARENTS = (b"moov", b"trak", b"edts")


def with_edits(clip: Path, target: Path, parts: Sequence[tuple[int, int]]) -> Path:
    """Copy `clip` with an edit list that shows only `parts`: (start, length), in seconds.

    The index of `clip` must be at its end.
    """
    target.write_bytes(_rebuilt(clip.read_bytes(), parts, Fraction(1)))
    return target


def _rebuilt(boxes: bytes, parts: Sequence[tuple[int, int]], ticks: Fraction) -> bytes:
    """The boxes with new edit lists. `ticks`: ticks per second of the track."""
    out = b""
    while boxes:
        size, kind = struct.unpack(">I4s", boxes[:8])
        body, boxes = boxes[8:size], boxes[size:]
        if kind == b"trak":
            clock = body.index(b"mdhd") + 16
            ticks = Fraction(int.from_bytes(body[clock : clock + 4]))
        if kind in _PARENTS:
            body = _rebuilt(body, parts, ticks)
        elif kind == b"elst":
            begin = int.from_bytes(body[12:16])  # media time: the samples before it are only for the decoder
            edits = [(1000 * length, begin + int(start * ticks), 1, 0) for start, length in parts]
            body = struct.pack(">II", 0, len(edits)) + b"".join(struct.pack(">IIHH", *edit) for edit in edits)
        out += struct.pack(">I4s", 8 + len(body), kind) + body
    return out
