"""Finds pictures that are shown for several frames, as in animation drawn on twos, so that motion can fill the gap."""

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

# In luma codes of 8 bits. Repeats differ by what the codec changed, up to 5 in H.264 at crf 18 and about 6 at crf 26;
# new frames of real footage by 30 and more. Lower is the safer side: a missed repeat only leaves the stutter.
DEFAULT_THRESHOLD = 6.0
DEFAULT_MAX_SPAN = 6  # as TAS has it: animation on fours, and some room
LONGEST_SPAN = 24  # frames that are held in memory

_BLOCK = 8  # pixels; what moves may be as small as this


@dataclass(frozen=True, slots=True)
class Repeat:
    """Stands in for a frame that shows the picture before it once more, where a new picture follows."""

    pts: Fraction
    duration: Fraction


@dataclass(frozen=True, slots=True)
class Deduplication:
    """What counts as a repeat.

    Args:
        threshold: the largest difference of a repeat, see `difference`.
        max_span: from one picture to the next are at most so many frames; a longer stand is meant.
    """

    threshold: float = DEFAULT_THRESHOLD
    max_span: int = DEFAULT_MAX_SPAN

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 255:
            raise UsageError(f"--dedup-threshold {self.threshold} is not from 0 to 255")
        if not 2 <= self.max_span <= LONGEST_SPAN:
            raise UsageError(f"--dedup-max-span {self.max_span} is not from 2 to {LONGEST_SPAN}")

    def mark(self, frames: Iterable[VideoFrame], detector: SceneDetector | None) -> Iterator[VideoFrame | Repeat]:
        """The same frames, repeats marked: [a a a b b b] -> [a Repeat Repeat b b b].

        Only what lies between two pictures of one scene is marked: not the run before a cut, not the one at the end
        of the clip, nor one longer than `max_span`. Looks ahead by `max_span` frames.
        """
        head: VideoFrame | None = None  # what repeats are compared with: a slow fade must not pass for a stand
        run: list[VideoFrame] = []  # repeats of `head` whose fate is open
        standing = False  # it is settled: they stay
        for frame in frames:
            if head is not None and difference(head, frame) <= self.threshold:
                run.append(frame)
                standing = standing or len(run) == self.max_span
                if standing:
                    yield from run
                    run = []
                continue
            if run:
                cut = detector is not None and detector.is_cut(run[-1].luma, frame.luma)
                yield from run if cut else (Repeat(repeat.pts, repeat.duration) for repeat in run)
            yield frame
            head, run, standing = frame, [], False
        yield from run


def difference(left: VideoFrame, right: VideoFrame) -> float:
    """How much the luma differs in the block of 8x8 pixels where it differs most, as a mean over that block: 0 to 255.

    The mean over the frame would miss a small thing that moves, or anything in the dark.
    """
    a, b = left.planes[0], right.planes[0]
    height, width = a.shape
    blocks = (max(1, width // _BLOCK), max(1, height // _BLOCK))
    change: NDArray[Any] = cv2.absdiff(a, b).astype(np.float32)
    worst = float(cv2.resize(change, blocks, interpolation=cv2.INTER_AREA).max())
    return worst / (1 << left.format.depth - 8)
