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


def read_pack(folder: Path) -> list[Window]:
    """All windows of a pack, decoded into memory; InputError where a clip is shorter than its index says."""
    index = folder / "index.csv"
    if not index.is_file():
        raise InputError("not a training pack: there is no index.csv", path=folder)
    with index.open(newline="") as file:
        rows = list(csv.DictReader(file))
    windows: list[Window] = []
    for name, group in groupby(rows, key=itemgetter("file")):
        windows += _read_clip(folder / name, [(int(row["first_frame"]), int(row["frames"])) for row in group])
    return windows


def _read_clip(path: Path, spans: list[tuple[int, int]]) -> list[Window]:
    capture = cv2.VideoCapture(str(path))
    frames: list[NDArray[np.uint8]] = []
    try:
        while len(frames) < max(first + count for first, count in spans):
            read, frame = capture.read()
            if not read:
                raise InputError(f"the clip ends after {len(frames)} frames, its index says more", path=path)
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    finally:
        capture.release()
    return [np.stack(frames[first : first + count]) for first, count in spans]
