"""Packs: short windows of consecutive frames with an index.

A pack is a folder with `index.csv`, one row per window: `file, first_frame, frames`; each window lies in the clip
`file` from `first_frame` on. `width, height` save a look into the clip; `source` names what a clip was cut from, where
several packs may hold pieces of the same footage.
"""

from __future__ import annotations

import csv
from functools import cache, partial
from pathlib import Path

from vfi_cli.errors import InputError
from vfi_cli.train.data.windows import REMEDY, SHORTEST, Window, frame_size, read_span


def is_pack(folder: Path) -> bool:
    return (folder / "index.csv").is_file()


def read_pack(folder: Path) -> list[Window]:
    """The windows of a pack. Raises InputError where the index is damaged or a clip is missing."""
    index = folder / "index.csv"
    size_of = cache(frame_size)
    windows = []
    try:
        with index.open(newline="") as file:
            for row in csv.DictReader(file):
                clip, first, count = folder / row["file"], int(row["first_frame"]), int(row["frames"])
                if first < 0 or count < SHORTEST:
                    raise ValueError(f"{count} frames from {first} on")
                if not clip.is_file():
                    raise InputError("the clip is missing", path=clip, remedy=REMEDY)
                sized = row.get("height") and row.get("width")
                height, width = (int(row["height"]), int(row["width"])) if sized else size_of(clip)
                source = row.get("source") or f"{folder.name}/{row['file']}"
                windows.append(Window(source, count, height, width, partial(read_span, clip, first, count)))
    except (KeyError, TypeError, ValueError) as error:
        remedy = f"every row needs file, first_frame and frames, {SHORTEST} frames or more"
        raise InputError(f"the index is damaged: {error!r}", path=index, remedy=remedy) from error
    if not windows:
        raise InputError("the index names no windows", path=index, remedy="write it anew")
    return windows
