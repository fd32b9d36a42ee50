"""Finds repeated frames, as in animation drawn on twos, so that interpolated frames can replace them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vfi_cli.errors import UsageError
from vfi_cli.scene import SceneDetector
from vfi_cli.video.types import VideoFrame

# In luma codes of 8 bits. The codec makes repeats differ: by up to 5 in H.264 at crf 18, by about 6 at crf 26. New
# frames of real footage differ by 30 and more. A low threshold is safer: a missed repeat only leaves the stutter.
DEFAULT_THRESHOLD = 6.0
DEFAULT_MAX_SPAN = 6  # the value of TAS: animation on fours, and some margin
LONGEST_SPAN = 24  # frames; all of them are held in memory

_BLOCK = 8  # pixels; a moving thing may be as small as this


@dataclass(frozen=True, slots=True)
class Repeat:
    """Replaces a repeated frame: one that shows the same image as the frame before it. A new image follows later."""

    pts: Fraction
    duration: Fraction


@dataclass(frozen=True, slots=True)
class Deduplication:
    """Decides which frames are repeats.

    Args:
        threshold: the largest difference of a repeat, from 0 to 255, see `difference`.
        max_span: frames from one new image to the next, from 2 to LONGEST_SPAN. A longer still image is meant to be
            still, and its frames are kept.

    Raises UsageError if a value is out of range.
    """

    threshold: float = DEFAULT_THRESHOLD
    max_span: int = DEFAULT_MAX_SPAN

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 255:
            raise UsageError(f"--dedup-threshold {self.threshold} is not from 0 to 255")
        if not 2 <= self.max_span <= LONGEST_SPAN:
            raise UsageError(f"--dedup-max-span {self.max_span} is not from 2 to {LONGEST_SPAN}")

    def mark(self, frames: Iterable[VideoFrame], detector: SceneDetector | None) -> Iterator[VideoFrame | Repeat]:
        """Yield the frames, with a `Repeat` in place of each repeated one: [a a a b b b] -> [a Repeat Repeat b b b].

        It marks only repeats between two images of one scene. It keeps the repeats before a scene cut, those at the
        end of the clip, and those of an image that lasts longer than `max_span`. It looks ahead by `max_span` frames.
        """
        # Repeats are compared with the first frame of their image, so that a slow fade is not taken for a still image.
        first: VideoFrame | None = None
        run: list[VideoFrame] = []  # repeats of `first` that are not yet decided on
        keep = False  # the image lasts longer than `max_span`: keep its repeats
        for frame in frames:
            if first is not None and difference(first, frame) <= self.threshold:
                run.append(frame)
                keep = keep or len(run) == self.max_span
                if keep:
                    yield from run
                    run = []
                continue
            if run:
                cut = detector is not None and detector.is_cut(run[-1].luma, frame.luma)
                yield from run if cut else (Repeat(repeat.pts, repeat.duration) for repeat in run)
            yield frame
            first, run, keep = frame, [], False
        yield from run


def difference(left: VideoFrame, right: VideoFrame) -> float:
    """The mean luma difference in the block of 8x8 pixels that differs most, from 0 to 255.

    A mean over the whole frame would miss a small moving thing, or any motion in the dark.
    """
    a, b = left.planes[0], right.planes[0]
    height, width = a.shape
    blocks = (max(1, width // _BLOCK), max(1, height // _BLOCK))
    change: NDArray[Any] = cv2.absdiff(a, b).astype(np.float32)
    largest = float(cv2.resize(change, blocks, interpolation=cv2.INTER_AREA).max())
    return largest / (1 << left.format.depth - 8)
