"""A clip goes in, a smoother or slower one comes out.

    decode --[queue]--> schedule, scene cuts, interpolator --[queue]--> encode

Each stage has a thread, the middle one that of the caller. Frames stream through: at any time there are at most a
queue of decoded and a queue of finished frames, the pair at work, and what the codecs keep for themselves, however
long the clip is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from vfi_cli.engine.interpolator import Interpolator, build
from vfi_cli.errors import InputError
from vfi_cli.jobs.plan import InterpJob, Plan, plan
from vfi_cli.jobs.stages import Stages, StageTime
from vfi_cli.jobs.weave import Tally, Weaver
from vfi_cli.measure import memory
from vfi_cli.scene import SceneDetector
from vfi_cli.video.passthrough import StreamCopy
from vfi_cli.video.sinks import Writer, open_writer, reserve

log = logging.getLogger(__name__)

DAMAGED = 5
"""Exit code: done, but the input was damaged."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: frames `read` and `written` after `seconds`, about `expected` to write."""

    read: int
    written: int
    expected: int
    seconds: float
    route_shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a job did.

    Args:
        copied: frames of the output that are frames of the source; `generated`: those that are not.
        replaced: repeated frames of the source that generated ones took the place of.
        cuts: scene cuts that would have had to be bridged.
        damaged: frames of the source that are lost, or were decoded from damaged data; and packets of the sound.
        duration_in, duration_out: seconds.
        seconds: of wall time.
        stages: the work of each stage; their rates bound that of the whole.
        route_shares: share of the patches that ran each dynamic block, 0 where nothing was generated.
        peak_bytes: the most memory that the process held at once.
        device: for people.
    """

    source: Path
    target: Path
    frames_in: int
    frames_out: int
    generated: int
    copied: int
    replaced: int
    cuts: int
    damaged: int
    duration_in: Fraction
    duration_out: Fraction
    seconds: float
    stages: tuple[StageTime, ...]
    route_shares: tuple[float, ...]
    peak_bytes: int
    device: str

    @property
    def bottleneck(self) -> str:
        """The stage that worked longest: a faster one of the others would change nothing."""
        return max(self.stages, key=lambda stage: stage.busy).name

    @property
    def exit_code(self) -> int:
        return DAMAGED if self.damaged else 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it: times in seconds as floats."""
        return {
            "source": str(self.source),
            "target": str(self.target),
            "frames_in": self.frames_in,
            "frames_out": self.frames_out,
            "generated": self.generated,
            "copied": self.copied,
            "replaced": self.replaced,
            "cuts": self.cuts,
            "damaged": self.damaged,
            "duration_in": float(self.duration_in),
            "duration_out": float(self.duration_out),
            "seconds": self.seconds,
            "stages": {stage.name: {"frames": stage.items, "fps": stage.rate} for stage in self.stages},
            "bottleneck": self.bottleneck,
            "route_shares": list(self.route_shares),
            "peak_bytes": self.peak_bytes,
            "device": self.device,
            "exit_code": self.exit_code,
        }


def interpolate_video(source: str | Path, target: str | Path | None = None, **options: Any) -> Summary:
    """Interpolate one clip; `options` are the fields of `InterpJob`. Raises VfiError.

    >>> interpolate_video("in.mp4", "out.mp4", fps="60")
    """
    return run(InterpJob(source=Path(source), target=Path(target) if target is not None else None, **options))


def run(
    job: InterpJob,
    report: Callable[[Progress], None] = lambda _: None,
    interpolator: Interpolator | None = None,
) -> Summary:
    """Do `job`, calling `report` after every frame of the output.

    The output appears under its name only when it is complete and was checked; whatever ends the job before that, a
    signal included, leaves nothing behind. Give an `interpolator` to use it instead of one of the job's model.

    Raises:
        VfiError: in one of the ways that `errors` lists.
    """
    begin = time.perf_counter()
    settled = plan(job)
    with reserve(settled.encode, source=job.source, overwrite=job.overwrite) as target:
        for warning in settled.warnings():
            log.warning("%s: %s", job.source, warning)
        copies = _copy(settled)
        with open_writer(target.part, settled.encode, copies) as encoder:
            interpolator = interpolator or build(job.model, job.device, job.precision, job.routing)
            log.info("%s on %s", job.model, interpolator.runtime.label)
            work = _stream(settled, interpolator, encoder, report)
        damaged = work.damaged + _damage_beside(settled, copies)
        encoder.verify()
        target.commit()
    return Summary(
        source=job.source,
        target=settled.target,
        frames_in=work.tally.read,
        frames_out=encoder.frames,
        generated=work.tally.generated,
        copied=work.tally.copied,
        replaced=work.tally.replaced,
        cuts=work.tally.cuts,
        damaged=damaged,
        duration_in=work.tally.duration_in,
        duration_out=work.tally.duration_out,
        seconds=time.perf_counter() - begin,
        stages=work.stages,
        route_shares=interpolator.route_shares,
        peak_bytes=memory.peak_bytes(),
        device=interpolator.runtime.label,
    )


@dataclass(frozen=True, slots=True)
class _Work:
    tally: Tally
    stages: tuple[StageTime, ...]
    damaged: int


def _stream(settled: Plan, interpolator: Interpolator, encoder: Writer, report: Callable[[Progress], None]) -> _Work:
    """All frames of the clip through decoder, interpolator and encoder."""
    job = settled.job
    detector = SceneDetector(job.scene_threshold) if job.scene_threshold is not None else None
    encode = settled.encode
    weaver = Weaver(interpolator, encode.format, detector, job.cut_mode, settled.mask, encode.color)
    begin = time.perf_counter()
    with settled.source.decode(settled.clip, job.start or None, job.stop) as decoder, Stages("interpolate") as stages:
        marked = decoder if job.dedup is None else job.dedup.mark(decoder, detector)
        frames = stages.source("decode", marked, decoder.interrupt)
        write = stages.sink("encode", encoder.write)
        for frame in weaver.weave(frames, settled.schedule(), settled.clock()):
            write(frame)
            tally = weaver.tally
            seconds = time.perf_counter() - begin
            report(Progress(tally.read, tally.written, settled.frames, seconds, interpolator.route_shares))
    for note in decoder.notes:
        log.warning("%s: %s", job.source, note)
    if decoder.damaged and job.strict:
        raise InputError(
            f"{decoder.damaged} frames are damaged", path=job.source, remedy="without --strict they are made up for"
        )
    return _Work(weaver.tally, stages.times, decoder.damaged)


def _damage_beside(settled: Plan, copies: StreamCopy | None) -> int:
    """Packets and whole streams that were too damaged to be copied. Raises InputError if the job wants none of that."""
    job = settled.job
    damaged = sum(stream.damaged for stream in settled.streams.left_out) + (copies.damaged if copies else 0)
    if damaged:
        log.warning("%s: %d packets or streams of the sound are damaged, and left out", job.source, damaged)
    if damaged and job.strict:
        raise InputError("the sound is damaged", path=job.source, remedy="without --strict that part is left out")
    return damaged


def _copy(settled: Plan) -> StreamCopy | None:
    if not settled.streams.kept:
        return None
    job = settled.job
    return StreamCopy(
        settled.clip,
        settled.streams,
        origin=settled.encode.origin,
        start=job.start or None,
        stop=job.stop,
        stretch=settled.stretch,
    )
