"""What is asked for, and what that means for one clip. Nothing is decoded or computed here."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vfi_cli.errors import InputError, OutputError, UsageError
from vfi_cli.model.config import PAPER_KEEP_RATIOS
from vfi_cli.scene import DEFAULT_THRESHOLD
from vfi_cli.timeline import MAX_MULTIPLE, Cfr, Multiply, Nominal, Schedule, parse_rate
from vfi_cli.video.probe import probe
from vfi_cli.video.types import ClipInfo

CutMode = Literal["nearest", "hold", "blend"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpJob:
    """One clip to interpolate. At most one of `fps`, `multi`, `slowmo`; without them the rate is doubled.

    Args:
        target: None puts it beside the source, named after what is done.
        fps: rate of the output, see `timeline.parse_rate`.
        multi: frames of the output per frame of the source.
        slowmo: how many times longer the output lasts, at the rate of the source and without sound.
        start, stop: the part to use, in seconds from the first frame of the clip.
        model: "lite", "base" or a weights file.
        routing: share of the patches that pass each dynamic block; None leaves nothing out.
        device, precision: see `engine.device.resolve`.
        scene_threshold: see `scene.SceneDetector`; None takes the clip for one scene.
        cut_mode: what stands between two scenes, see `jobs.weave.Weaver`.
        codec, crf, preset, pix_fmt, codec_options: for the encoder; None leaves its defaults.
        audio: copy the sound.
        overwrite: the target may exist.
        strict: damage in the source is an error, and nothing is kept.
    """

    source: Path
    target: Path | None = None
    fps: str | None = None
    multi: int | None = None
    slowmo: int | None = None
    start: Fraction = Fraction(0)
    stop: Fraction | None = None
    model: str = "lite"
    routing: tuple[float, ...] | None = PAPER_KEEP_RATIOS
    device: str = "auto"
    precision: str = "auto"
    scene_threshold: float | None = DEFAULT_THRESHOLD
    cut_mode: CutMode = "nearest"
    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    codec_options: dict[str, str] = field(default_factory=dict)
    audio: bool = True
    overwrite: bool = False
    strict: bool = False

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.fps, self.multi, self.slowmo)) > 1:
            raise UsageError("--fps, -m and --slowmo exclude each other", remedy="give one of them")
        for option, value in (("-m", self.multi), ("--slowmo", self.slowmo)):
            if value is not None and not 2 <= value <= MAX_MULTIPLE:
                raise UsageError(f"{option} {value} is not from 2 to {MAX_MULTIPLE}")
        if self.scene_threshold is not None and not 0 <= self.scene_threshold <= 1:
            raise UsageError(f"--scene-threshold {self.scene_threshold} is not from 0 to 1")
        if self.stop is not None and self.stop <= self.start:
            raise UsageError("the end of the part to use does not lie after its start")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job does to its clip.

    Args:
        target: the file that will be written.
        rate: frames per second of the output; the mean if those of the source are unevenly spaced.
        multiple: frames per gap between two source frames, where these decide; None places them at `rate`.
        stretch: how many times longer the output lasts.
    """

    job: InterpJob
    clip: ClipInfo
    target: Path
    rate: Fraction
    multiple: int | None
    stretch: int

    @property
    def frames(self) -> int:
        """About how many frames the output will have."""
        return round(self.duration_out * self.rate)

    @property
    def duration(self) -> Fraction:
        """Seconds of the source that are used, as far as it is known."""
        end = self.clip.duration if self.job.stop is None else min(self.job.stop, self.clip.duration)
        return max(Fraction(0), end - self.job.start)

    @property
    def duration_out(self) -> Fraction:
        """Seconds the output will last, as far as it is known."""
        return self.stretch * self.duration

    @property
    def constant(self) -> bool:
        """Whether the output has a constant rate."""
        return self.multiple is None or not self.clip.vfr

    def schedule(self) -> Schedule:
        """A fresh schedule, to be fed the times that `clock` gives."""
        return Cfr(self.rate) if self.multiple is None else Multiply(self.multiple)

    def clock(self) -> Clock:
        return Clock(self.clip, self.stretch)


class Clock:
    """Turns the times of decoded frames into those of the schedule: unrounded, stretched in slow motion."""

    def __init__(self, clip: ClipInfo, stretch: int) -> None:
        self._nominal = Nominal(None if clip.vfr else clip.average_rate, clip.time_base)
        self._stretch = stretch
        self._start: Fraction | None = None

    def time(self, pts: Fraction) -> Fraction:
        time = self._nominal.time(pts)
        if self._start is None:
            self._start = time
        return self._start + self._stretch * (time - self._start)

    def duration(self, duration: Fraction) -> Fraction:
        return self._stretch * self._nominal.duration(duration)


def plan(job: InterpJob) -> Plan:
    """Probe the source of `job` and settle what will be done.

    Raises:
        UsageError: the request makes no sense for this clip.
        InputError: the source cannot be read, or is of a kind that is not supported.
    """
    clip = probe(job.source)
    if clip.interlaced:
        raise InputError(
            "interlaced video is not supported",
            path=clip.path,
            remedy="deinterlace it first, e.g. with bwdif",
        )
    if job.start >= clip.duration:
        raise UsageError(f"--ss lies after the end of the clip, which lasts {float(clip.duration):.3f} s")
    source = clip.average_rate
    multiple, stretch, rate = job.multi, job.slowmo or 1, source
    if job.fps is not None:
        rate = parse_rate(job.fps, source)
    elif job.slowmo is None:
        multiple = job.multi or 2
        rate = multiple * source
    suffix = f"{_label(rate)}fps"
    if stretch > 1:
        suffix = f"slowmo{stretch}x"
    elif multiple and clip.vfr:
        suffix = f"{multiple}x"
    target = job.target or clip.path.with_name(f"{clip.path.stem}_{suffix}.mp4")
    return Plan(job, clip, target, rate, multiple, stretch)


def check_target(target: Path, source: Path, *, overwrite: bool) -> None:
    """Raise OutputError where writing `target` would fail, or destroy what must not be destroyed."""
    if target.is_symlink() or (target.exists() and not target.is_file()):
        raise OutputError("is there and is no regular file", path=target, remedy="give another name with -o")
    if target.exists():
        if target.samefile(source):
            raise OutputError("the output is the input", path=target, remedy="give another name with -o")
        if not overwrite:
            raise OutputError("exists already", path=target, remedy="-y replaces it")
    folder = target.parent
    if not folder.is_dir():
        raise OutputError("no such folder", path=folder, remedy="create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError("the folder cannot be written to", path=folder, remedy="name another with -o")


def _label(rate: Fraction) -> str:
    """60, 59.94, 23.98"""
    return f"{float(rate):.2f}".rstrip("0").rstrip(".")
