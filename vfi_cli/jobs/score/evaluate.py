"""Scores generated frames against the true frames of a clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean

import numpy as np

from vfi_cli.engine.frames import Frame, to_frame, to_tensor
from vfi_cli.engine.interpolator import Interpolator, Prepared, load_interpolator
from vfi_cli.errors import InputError, UsageError
from vfi_cli.jobs.interp.summary import DAMAGED
from vfi_cli.jobs.score.clips import find_clips
from vfi_cli.jobs.score.datasets import PROTOCOLS
from vfi_cli.jobs.score.samples import EvalClip, HoldOut, Sample
from vfi_cli.measure.detail import flicker, sharpness
from vfi_cli.measure.flip import flip, has_flip
from vfi_cli.measure.psnr import psnr
from vfi_cli.measure.ssim import WINDOW, ssim
from vfi_cli.model.config import Routing, check_routing


@dataclass(frozen=True, slots=True)
class EvalJob:
    """What to score.

    Args:
        paths: for hold-out: videos, folders of images, or folders of such clips. With a protocol: the folder of the
            test set.
        routing: which patches run a dynamic block.
        max_frames: frames to read from each clip; None reads all.
        blend: also score the blend of the two frames.
        protocol: one of `datasets.PROTOCOLS`; None is hold-out.
    """

    paths: tuple[Path, ...]
    model: str = "lite"
    device: str = "auto"
    precision: str = "auto"
    routing: Routing = "router"
    max_frames: int | None = None
    blend: bool = False
    protocol: str | None = None

    def __post_init__(self) -> None:
        check_routing(self.routing)
        if self.protocol is not None:
            if self.max_frames is not None:
                raise UsageError("--protocol and --max-frames exclude each other")
            if len(self.paths) != 1:
                raise UsageError("--protocol takes one folder, the folder of the test set")
        if self.max_frames is not None and self.max_frames < 3:
            raise UsageError(f"--max-frames {self.max_frames}: hold-out needs at least 3 frames")


@dataclass(frozen=True, slots=True)
class Score:
    """The metrics of a frame, or their means over frames.

    Attributes:
        psnr: in dB, at most `measure.psnr.CEILING_DB`; more is better.
        ssim: from -1 to 1; 1 is equal.
        sharpness: detail of the frame / detail of the true frame; less than 1 is blurred.
        flicker: relative difference of the detail to that of the neighbours; 0 is best.
        flip: from 0 (equal) to 1; None if its package is not installed.
    """

    psnr: float
    ssim: float
    sharpness: float
    flicker: float
    flip: float | None

    @classmethod
    def of(cls, frame: Frame, truth: Frame, left: Frame, right: Frame, time: float) -> Score:
        """Score `frame`, generated at `time` (0 at `left`, 1 at `right`), against the true frame."""
        return cls(
            psnr(frame, truth),
            ssim(frame, truth),
            sharpness(frame, truth),
            flicker(frame, left, right, time),
            flip(frame, truth) if has_flip() else None,
        )

    def as_dict(self, prefix: str = "") -> dict[str, float]:
        """The metrics that are not None, by name."""
        values: dict[str, float | None] = {field.name: getattr(self, field.name) for field in fields(self)}
        return {prefix + name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ClipScore:
    """The score of a clip, and the number of frames that were generated and compared."""

    clip: str
    frames: int
    score: Score
    blend: Score | None = None


@dataclass(frozen=True, slots=True)
class BadClip:
    clip: str
    error: str


def exit_code(clips: Sequence[object], bad: Sequence[BadClip]) -> int:
    """0 only if every clip was used; that of an input error if none was."""
    if not bad:
        return 0
    return DAMAGED if clips else InputError.exit_code


@dataclass(frozen=True, slots=True)
class EvalReport:
    clips: tuple[ClipScore, ...]
    bad: tuple[BadClip, ...]

    @property
    def exit_code(self) -> int:
        return exit_code(self.clips, self.bad)

    @property
    def mean(self) -> Score | None:
        """The mean over clips. Every clip has the same weight, also a short one. None if no clip was scored."""
        return mean_score([clip.score for clip in self.clips])

    @property
    def mean_blend(self) -> Score | None:
        return mean_score([clip.blend for clip in self.clips if clip.blend is not None])


def run(job: EvalJob, report: Callable[[ClipScore | BadClip], None]) -> EvalReport:
    """Score every clip. A clip that cannot be read is reported, and the run continues with the next.

    Raises:
        InputError: a path holds no clip, or is not the test set of the protocol.
        ModelError: the model or the device is not available.
    """
    clips = _clips_of(job)
    interpolator = load_interpolator(job.model, job.device, job.precision, job.routing)
    scores: list[ClipScore] = []
    bad: list[BadClip] = []
    for clip in clips:
        try:
            result = score_trial(clip, interpolator, job.blend)
        except InputError as error:
            bad.append(BadClip(clip.name, str(error)))
            report(bad[-1])
        else:
            scores.append(result)
            report(result)
    return EvalReport(tuple(scores), tuple(bad))


def _clips_of(job: EvalJob) -> Sequence[EvalClip]:
    if job.protocol is not None:
        return PROTOCOLS[job.protocol](job.paths[0])
    return [HoldOut(clip, job.max_frames) for clip in find_clips(job.paths)]


def score_trial(clip: EvalClip, interpolator: Interpolator, blend: bool) -> ClipScore:
    """Score one clip: the mean over all generated frames.

    Raises:
        InputError: the frames cannot be read, are too few or too small, or differ in size.
    """
    generated: list[Score] = []
    blended: list[Score] = []
    last: tuple[Frame, Prepared] | None = None
    for sample in clip.samples():
        _check_sizes(sample, clip.path)
        left = last[1] if last is not None and last[0] is sample.left else interpolator.prepare(to_tensor(sample.left))
        right = interpolator.prepare(to_tensor(sample.right))
        last = sample.right, right
        frames = interpolator.between(left, right, sample.times)
        for time, frame, truth in zip(sample.times, frames, sample.truths, strict=True):
            references = truth, sample.left, sample.right, time
            generated.append(Score.of(to_frame(frame), *references))
            if blend:
                blended.append(Score.of(blend_of(sample.left, sample.right, time), *references))
    score = mean_score(generated)
    if score is None:
        raise InputError("hold-out needs at least 3 frames", path=clip.path)
    return ClipScore(clip.name, len(generated), score, mean_score(blended))


def _check_sizes(sample: Sample, path: Path) -> None:
    shapes = {image.shape for image in (sample.left, sample.right, *sample.truths)}
    if len(shapes) > 1:
        raise InputError("the frames are not all of one size", path=path)
    if min(sample.left.shape[:2]) < WINDOW:
        raise InputError(f"SSIM needs frames of at least {WINDOW}x{WINDOW}", path=path)


def blend_of(left: Frame, right: Frame, time: float = 0.5) -> Frame:
    """The baseline without motion: the mean of both frames, weighted by time (0 is `left`) and rounded."""
    mixed = left + np.float32(time) * (right.astype(np.float32) - left)
    return np.floor(mixed + np.float32(0.5)).astype(np.uint8)


def mean_score(scores: Sequence[Score]) -> Score | None:
    """The mean of each metric; None if there are no scores."""
    if not scores:
        return None
    rows = [score.as_dict() for score in scores]
    means = {name: fmean(row[name] for row in rows) for name in rows[0]}
    return Score(**{"flip": None, **means})  # type: ignore[arg-type]
