"""Training clips: packs of short windows of consecutive frames.

A pack is a folder with `index.csv`, one row per window: `file, first_frame, frames, width, height, ...`; each window
lies in the clip `file` from `first_frame` on. Frames are read with OpenCV, so training needs no other decoder.
"""

from __future__ import annotations

import csv
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vfi_cli.errors import InputError

Window = NDArray[np.uint8]
"""Consecutive frames (N, H, W, 3), RGB."""

SHORTEST = 3
"""Frames of a window: a pair and a true frame between."""

REMEDY = "restore the clip, or drop its rows from index.csv"


def read_pack(folder: Path) -> list[Window]:
    """All windows of a pack, decoded into memory.

    Raises InputError where there is no index, it is damaged, or a clip is shorter than it says.
    """
    index = folder / "index.csv"
    if not index.is_file():
        raise InputError("not a training pack: there is no index.csv", path=folder, remedy="name a folder that has one")
    try:
        with index.open(newline="") as file:
            rows = [(row["file"], int(row["first_frame"]), int(row["frames"])) for row in csv.DictReader(file)]
    except (KeyError, TypeError, ValueError) as error:
        remedy = "every row needs file, first_frame and frames"
        raise InputError(f"the index is damaged: {error!r}", path=index, remedy=remedy) from error
    if not rows or any(first < 0 or count < SHORTEST for _, first, count in rows):
        raise InputError(f"the index needs windows of {SHORTEST} frames or more", path=index, remedy="write it anew")
    windows: list[Window] = []
    for name, group in groupby(rows, key=itemgetter(0)):
        windows += _read_clip(folder / name, [(first, count) for _, first, count in group])
    return windows


def _read_clip(path: Path, spans: list[tuple[int, int]]) -> list[Window]:
    capture = cv2.VideoCapture(str(path))
    frames: list[NDArray[np.uint8]] = []
    try:
        while len(frames) < max(first + count for first, count in spans):
            read, frame = capture.read()
            if not read:
                raise InputError(
                    f"the clip ends after {len(frames)} frames, its index says more", path=path, remedy=REMEDY
                )
            frames.append(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8))
    finally:
        capture.release()
    return [np.stack(frames[first : first + count]) for first, count in spans]
