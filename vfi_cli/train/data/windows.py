"""Windows, the unit of training data: a few consecutive frames that are read when they are needed."""

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

MIN_FRAMES = 3
"""Number of frames of the shortest window: a pair and the true frame between."""

HELD_OUT_SHARE = 0.05
"""Share of the source clips that are only used for validation."""

REMEDY = "restore the clip, or leave it out"


@dataclass(frozen=True)
class Window:
    """Consecutive frames of one shot.

    Args:
        source: the name of the source clip. Either all windows of a clip are trained on, or all are held out.
        frames, height, width: number of frames, and their size in pixels.
        decode: reads the frames (N, H, W, 3) uint8 RGB.
    """

    source: str
    frames: int
    height: int
    width: int
    decode: Callable[[], Frames]

    def read(self) -> Frames:
        """Read the frames. Raises InputError if their number or size differs from what the window states."""
        frames = self.decode()
        if frames.shape != (self.frames, self.height, self.width, 3):
            found = "x".join(map(str, frames.shape[:3]))
            expected = f"{self.frames}x{self.height}x{self.width}"
            raise InputError(f"frames of {found}, not {expected}", path=self.source, remedy=REMEDY)
        return frames


def read_span(path: Path, first: int, count: int) -> Frames:
    """`count` frames of a video from frame `first` on. Raises InputError if one of them cannot be read."""
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
    """(height, width) of a video. Raises InputError if OpenCV cannot open the file."""
    capture = cv2.VideoCapture(str(path))
    height, width = (int(capture.get(key)) for key in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH))
    capture.release()
    if height <= 0 or width <= 0:
        raise InputError("not a video that can be read", path=path, remedy=REMEDY)
    return height, width


def large_enough(windows: Sequence[Window], size: int) -> list[Window]:
    """The windows whose frames are at least `size` x `size` pixels. Raises InputError if there is none."""
    fitting = [window for window in windows if min(window.height, window.width) >= size]
    if not fitting:
        largest = max((min(window.height, window.width) for window in windows), default=0)
        what = f"no frame is large enough: the short side is {largest} pixels at most, the crops need {size}"
        raise InputError(what, remedy="train on larger frames")
    if len(fitting) < len(windows):
        log.info("left out %d of %d windows: smaller than %d pixels", len(windows) - len(fitting), len(windows), size)
    return fitting


def hold_out(windows: Sequence[Window]) -> tuple[list[Window], list[Window]]:
    """Split windows into those to train on and those to validate on.

    Whole source clips are held out. The hash of the name of a clip decides, so a clip that is held out in one run is
    held out in every run, with any data set or seed. There is one exception: if the hashes choose none or all of the
    clips, only the clip with the smallest hash is held out.

    Raises InputError if there is only one source clip.
    """
    sources = {window.source for window in windows}
    if len(sources) < 2:
        raise InputError(
            "training needs two source clips, as one of them is held out", remedy="train on two clips or more"
        )
    held_out = {source for source in sources if _hash_fraction(source) < HELD_OUT_SHARE} or {
        min(sources, key=_hash_fraction)
    }
    if held_out == sources:
        held_out = {min(sources, key=_hash_fraction)}
    return (
        [window for window in windows if window.source not in held_out],
        [window for window in windows if window.source in held_out],
    )


def _hash_fraction(source: str) -> float:
    """The hash of a name as a number from 0 to 1, uniformly distributed."""
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[:8]) / 2**64
