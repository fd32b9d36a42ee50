"""Hold-out: frames 0, 2, 4, ... go in, frames 1, 3, 5, ... are the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from vfi_cli.engine.interpolator import Interpolator, build
from vfi_cli.errors import InputError, UsageError
from vfi_cli.jobs.clips import Clip, Frame, find_clips, to_frame, to_tensor
from vfi_cli.jobs.interp import DAMAGED
from vfi_cli.measure.psnr import psnr
from vfi_cli.measure.ssim import WINDOW, ssim
from vfi_cli.model.config import Routing


@dataclass(frozen=True, slots=True)
class EvalJob:
    """What to score.

    Args:
        paths: videos, folders of frames, or folders of either.
        routing: which patches run a dynamic block.
        max_frames: frames read from each clip; None reads all.
        blend: score the mean of the two frames as well.
    """

    paths: tuple[Path, ...]
    model: str = "lite"
    device: str = "auto"
    precision: str = "auto"
    routing: Routing = "router"
    max_frames: int | None = None
    blend: bool = False

    def __post_init__(self) -> None:
        if self.max_frames is not None and self.max_frames < 3:
            raise UsageError(f"--max-frames {self.max_frames}: hold-out needs at least 3 frames")


@dataclass(frozen=True, slots=True)
class Score:
    """PSNR in dB and SSIM, each a mean."""

    psnr: float
    ssim: float

    @classmethod
    def of(cls, frame: Frame, truth: Frame) -> Score:
        return cls(psnr(frame, truth), ssim(frame, truth))


@dataclass(frozen=True, slots=True)
class ClipScore:
    """`frames` is the number of frames that were generated and compared."""

    clip: str
    frames: int
    score: Score
    blend: Score | None = None


@dataclass(frozen=True, slots=True)
class BadClip:
    clip: str
    error: str


@dataclass(frozen=True, slots=True)
class EvalReport:
    clips: tuple[ClipScore, ...]
    bad: tuple[BadClip, ...]

    @property
    def exit_code(self) -> int:
        """0 only if every clip was scored."""
        if not self.bad:
            return 0
        return DAMAGED if self.clips else InputError.exit_code

    @property
    def mean(self) -> Score | None:
        """Every clip weighs the same, however long; None if there is none."""
        return mean_score([clip.score for clip in self.clips])

    @property
    def mean_blend(self) -> Score | None:
        return mean_score([clip.blend for clip in self.clips if clip.blend is not None])


def run(job: EvalJob, report: Callable[[ClipScore | BadClip], None]) -> EvalReport:
    """Score every clip; one that cannot be read is reported, and the others go on.

    Raises:
        InputError: a path holds no clip.
        ModelError: the model or the device is not to be had.
    """
    clips = find_clips(job.paths)
    interpolator = build(job.model, job.device, job.precision, job.routing)
    scores: list[ClipScore] = []
    bad: list[BadClip] = []
    for clip in clips:
        try:
            result = score_clip(clip, interpolator, job.max_frames, job.blend)
        except InputError as error:
            bad.append(BadClip(clip.name, str(error)))
            report(bad[-1])
        else:
            scores.append(result)
            report(result)
    return EvalReport(tuple(scores), tuple(bad))


def score_clip(clip: Clip, interpolator: Interpolator, max_frames: int | None, blend: bool) -> ClipScore:
    """Hold-out on one clip; a last frame without a right neighbour is left out.

    Raises:
        InputError: the clip cannot be read, is too short or too small.
    """
    frames = clip.frames(max_frames)
    left = next(frames, None)
    if left is None or min(left.shape[:2]) < WINDOW:
        raise InputError(f"SSIM needs frames of at least {WINDOW}x{WINDOW}", path=clip.path)
    prepared_left = interpolator.prepare(to_tensor(left))
    generated: list[Score] = []
    blended: list[Score] = []
    for truth, right in zip(frames, frames, strict=False):
        prepared_right = interpolator.prepare(to_tensor(right))
        (middle,) = interpolator.between(prepared_left, prepared_right, (0.5,))
        generated.append(Score.of(to_frame(middle), truth))
        if blend:
            blended.append(Score.of(mean_of(left, right), truth))
        left, prepared_left = right, prepared_right
    score = mean_score(generated)
    if score is None:
        raise InputError("hold-out needs at least 3 frames", path=clip.path)
    return ClipScore(clip.name, len(generated), score, mean_score(blended))


def mean_of(left: Frame, right: Frame) -> Frame:
    """The baseline that needs no motion: both frames, half each, rounded."""
    total = left.astype(np.uint16) + right
    return ((total + 1) // 2).astype(np.uint8)


def mean_score(scores: Sequence[Score]) -> Score | None:
    """None of nothing."""
    if not scores:
        return None
    return Score(fmean(score.psnr for score in scores), fmean(score.ssim for score in scores))
