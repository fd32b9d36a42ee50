"""Windows, the unit of training data: a few consecutive frames, read when they are needed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vfi_cli.errors import InputError

log = logging.getLogger(__name__)

Frames = NDArray[np.uint8]
"""(N, H, W, 3), RGB."""

SHORTEST = 3
"""Frames of a window: a pair and a true frame between."""

HELD_OUT = 0.05
"""Share of the source clips that no training reads, only its validation."""

REMEDY = "restore the clip, or leave it out"


@dataclass(frozen=True)
class Window:
    """Consecutive frames of one shot.

    source: the clip that they are from; its windows are trained on or held out together.
    decode: reads the frames (N, H, W, 3).
    """

    source: str
    frames: int
    height: int
    width: int
    decode: Callable[[], Frames]

    def read(self) -> Frames:
        """The frames; InputError where they are no longer as many and as large as they were."""
        frames = self.decode()
        if frames.shape != (self.frames, self.height, self.width, 3):
            found = "x".join(map(str, frames.shape[:3]))
            expected = f"{self.frames}x{self.height}x{self.width}"
            raise InputError(f"frames of {found}, not {expected}", path=self.source, remedy=REMEDY)
        return frames


def read_span(path: Path, first: int, count: int) -> Frames:
    """`count` frames of a video from `first` on; InputError where it ends before."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    try:
        if first:
            capture.set(cv2.CAP_PROP_POS_FRAMES, first)
        for k in range(count):
            read, frame = capture.read()
            if not read:
                raise InputError(f"frame {first + k} of the clip cannot be read", path=path, remedy=REMEDY)
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    finally:
        capture.release()
    return np.asarray(np.stack(frames), np.uint8)


def frame_size(path: Path) -> tuple[int, int]:
    """(height, width) of a video; InputError where OpenCV cannot open it."""
    capture = cv2.VideoCapture(str(path))
    height, width = (int(capture.get(key)) for key in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH))
    capture.release()
    if height <= 0 or width <= 0:
        raise InputError("not a video that can be read", path=path, remedy=REMEDY)
    return height, width


def large_enough(windows: Sequence[Window], size: int) -> list[Window]:
    """The windows that hold crops of `size` x `size`; InputError where none does."""
    fitting = [window for window in windows if min(window.height, window.width) >= size]
    if not fitting:
        largest = max((min(window.height, window.width) for window in windows), default=0)
        what = f"no frame is large enough: the short side is {largest} pixels at most, the crops need {size}"
        raise InputError(what, remedy="train on larger frames")
    if len(fitting) < len(windows):
        log.info("left out %d of %d windows: smaller than %d pixels", len(windows) - len(fitting), len(windows), size)
    return fitting


def hold_out(windows: Sequence[Window]) -> tuple[list[Window], list[Window]]:
    """Windows to train on, and windows to validate on: whole source clips, chosen by the hash of their name.

    The choice depends on nothing else, so that no other run, data set or seed ever trains on them; only where no name
    is chosen, the one nearest to it is. Raises InputError for a single source clip.
    """
    sources = {window.source for window in windows}
    if len(sources) < 2:
        raise InputError("one source clip is not enough: one is held out", remedy="train on two clips or more")
    held = {source for source in sources if _rank(source) < HELD_OUT} or {min(sources, key=_rank)}
    if held == sources:
        held = {min(sources, key=_rank)}
    return (
        [window for window in windows if window.source not in held],
        [window for window in windows if window.source in held],
    )


def _rank(source: str) -> float:
    """From 0 to 1, evenly."""
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[:8]) / 2**64
