"""Packs: folders of clips with an index of windows.

A pack is a folder with a file `index.csv`, which has one row per window. Columns:

    file, first_frame, frames   the window is `frames` frames of the clip `file`, from `first_frame` on
    width, height               optional; without them the clip is opened to find its frame size
    source                      optional; the footage that the clip was cut from, if several packs share it
"""

from __future__ import annotations

import csv
from functools import cache, partial
from pathlib import Path

from vfi_cli.errors import InputError
from vfi_cli.train.data.windows import MIN_FRAMES, REMEDY, Window, frame_size, read_span


def is_pack(folder: Path) -> bool:
    return (folder / "index.csv").is_file()


def read_pack(folder: Path) -> list[Window]:
    """The windows of a pack. Raises InputError if the index is damaged or a clip is missing."""
    index = folder / "index.csv"
    size_of = cache(frame_size)
    windows = []
    try:
        with index.open(newline="") as file:
            for row in csv.DictReader(file):
                clip, first, count = folder / row["file"], int(row["first_frame"]), int(row["frames"])
                if first < 0 or count < MIN_FRAMES:
                    raise ValueError(f"{count} frames from {first} on")
                if not clip.is_file():
                    raise InputError("the clip is missing", path=clip, remedy=REMEDY)
                sized = row.get("height") and row.get("width")
                height, width = (int(row["height"]), int(row["width"])) if sized else size_of(clip)
                source = row.get("source") or f"{folder.name}/{row['file']}"
                windows.append(Window(source, count, height, width, partial(read_span, clip, first, count)))
    except (KeyError, TypeError, ValueError) as error:
        remedy = f"every row needs file, first_frame and frames, {MIN_FRAMES} frames or more"
        raise InputError(f"the index is damaged: {error!r}", path=index, remedy=remedy) from error
    if not windows:
        raise InputError("the index names no windows", path=index, remedy="write index.csv again, one row per window")
    return windows
