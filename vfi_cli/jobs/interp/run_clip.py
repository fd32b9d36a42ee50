"""A clip goes in, a smoother or slower one comes out.

    decode --[queue]--> schedule, scene cuts, interpolator --[queue]--> encode

Each stage has a thread, the middle one that of the caller. Frames stream through: at any time there are at most a
queue of decoded and a queue of finished frames, the pair at work, and the frames inside the codecs, however long the
clip is. If the spacing of frames varies, there are also some frames ahead (see `cadence`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vfi_cli.engine.interpolator import Interpolator, build
from vfi_cli.errors import InputError, OutputError
from vfi_cli.jobs.interp.fingerprint import fingerprint
from vfi_cli.jobs.interp.journal import Journal
from vfi_cli.jobs.interp.pipeline import Pipeline, StageTime
from vfi_cli.jobs.interp.plan import InterpJob, Plan, make_plan
from vfi_cli.jobs.interp.render import FrameRenderer, Tally
from vfi_cli.jobs.interp.summary import Progress, Summary
from vfi_cli.measure import memory
from vfi_cli.scene import SceneDetector
from vfi_cli.video.formats import PIPE
from vfi_cli.video.location.output_file import OutputFile
from vfi_cli.video.streams.stream_copy import StreamCopy
from vfi_cli.video.write.concat import check_muxer, concat_segments
from vfi_cli.video.write.open_output import OutputLocation, open_location, open_writer
from vfi_cli.video.write.segments import SegmentWriter

log = logging.getLogger(__name__)

SEGMENT_FRAMES = 250
"""What an interruption can cost. It is the distance of key frames that x264 and x265 keep by themselves."""


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

    The output appears under its name only when it is complete and was checked. If the job is interrupted before that,
    the same job goes on where it was; a job that has failed for good leaves nothing behind. Give an `interpolator` to
    use it instead of one of the job's model.

    Raises:
        VfiError: in one of the ways that `errors` lists.
    """
    begin = time.perf_counter()
    plan = make_plan(job)
    with open_location(plan.encode, source=job.source, overwrite=job.overwrite) as target:
        _warn(job, plan.warnings())
        if isinstance(target, OutputFile) and plan.encode.output.is_video and job.source != PIPE:
            work = _in_pieces(plan, target, interpolator, report)
        else:
            work = _at_once(plan, target, interpolator, report)
    tally = work.tally
    return Summary(
        source=job.source,
        target=plan.target,
        frames_in=tally.read,
        frames_out=tally.written,
        generated=tally.generated,
        copied=tally.copied,
        kept=tally.kept,
        replaced=tally.replaced,
        pauses=tally.pauses,
        cuts=tally.cuts,
        damaged=work.damaged,
        repairs=(*plan.clip.offsets.notes, *work.repairs),
        duration_in=tally.duration_in,
        duration_out=tally.duration_out,
        seconds=time.perf_counter() - begin,
        stages=work.stages,
        route_shares=work.interpolator.route_shares,
        peak_bytes=memory.peak_bytes(),
        device=work.interpolator.runtime.label,
    )


@dataclass(frozen=True, slots=True)
class _Work:
    interpolator: Interpolator
    tally: Tally
    stages: tuple[StageTime, ...]
    damaged: int
    repairs: tuple[str, ...]


Report = Callable[[Progress], None]


def _at_once(plan: Plan, place: OutputLocation, given: Interpolator | None, report: Report) -> _Work:
    """Write the output from the first frame to the last."""
    if plan.encode.output.is_video:
        _check_muxer(plan, place)
    copies = _copy(plan)
    with open_writer(place.temp_path, plan.encode, copies) as writer:
        work = _stream(plan, given or _build(plan.job), writer.write, report)
    work = _with_copies(work, plan, copies)
    writer.verify()
    place.commit()
    return work


def _in_pieces(plan: Plan, target: OutputFile, given: Interpolator | None, report: Report) -> _Work:
    """Write the picture piece by piece, but for the pieces that an interrupted run has finished, and join them."""
    job, encode = plan.job, plan.encode
    extradata = _check_muxer(plan, target)
    interpolator = given or _build(job)
    marks = fingerprint(job, interpolator, extradata, SEGMENT_FRAMES)
    marks["clock"] = f"{encode.time_base} s from {encode.origin} s on"  # sound that begins first moves the origin
    journal = Journal(target, marks, restart=job.restart)
    if journal.segments:
        log.info("%s: going on after %d frames", plan.target, journal.frames)
    kept = dict(journal.segments)
    with (
        journal.guarding(),
        SegmentWriter(
            target.folder, encode, extradata, length=SEGMENT_FRAMES, kept=kept, closed=journal.append
        ) as writer,
    ):
        work = _stream(plan, interpolator, writer.write, report, writer.is_kept)
    with journal.guarding(OutputError):  # the picture is finished: errors now concern other streams or the place
        copies = _copy(plan)
        concat_segments(target.temp_path, encode, copies, target.folder, writer.segments)
        work = _with_copies(work, plan, copies)
        target.commit()
    return work


def _check_muxer(plan: Plan, place: OutputLocation) -> bytes | None:
    """Try the output, and warn of what it does not keep. Returns the encoder's extradata."""
    check = check_muxer(place.temp_path, plan.encode, _copy(plan))
    for sentence in check.lost:
        log.warning("%s: %s", plan.job.source, sentence)
    return check.extradata


def _build(job: InterpJob) -> Interpolator:
    interpolator = build(job.model, job.device, job.precision, job.routing)
    log.info("%s on %s", job.model, interpolator.runtime.label)
    return interpolator


def _stream(
    plan: Plan,
    interpolator: Interpolator,
    write: Callable[[Any], None],
    report: Report,
    done: Callable[[int], bool] = lambda _: False,
) -> _Work:
    """All frames of the clip through decoder, interpolator and encoder; of those that are `done`, `write` gets the
    slot."""
    job, encode = plan.job, plan.encode
    detector = SceneDetector(job.scene_threshold) if job.scene_threshold is not None else None
    renderer = FrameRenderer(interpolator, encode.format, detector, job.cut_mode, plan.mask, encode.color, done)
    begin = time.perf_counter()
    with plan.source.decode(plan.clip, job.start or None, job.stop) as decoder, Pipeline("interpolate") as stages:
        shown = plan.shown(decoder)
        marked = shown if job.dedup is None else job.dedup.mark(shown, detector)
        frames = stages.source("decode", marked, decoder.interrupt)
        put = stages.sink("encode", write)
        for item in renderer.render(frames, plan.schedule(), plan.clock()):
            put(item)
            tally = renderer.tally
            seconds = time.perf_counter() - begin
            shares = interpolator.route_shares
            report(Progress(tally.read, tally.written, plan.frames, seconds, shares, tally.kept))
    repairs = tuple(decoder.notes)
    _warn(job, repairs)
    if decoder.damaged and job.strict:
        raise InputError(
            f"{decoder.damaged} frames are damaged", path=job.source, remedy="without --strict they are made up for"
        )
    return _Work(interpolator, renderer.tally, stages.times, decoder.damaged, repairs)


def _warn(job: InterpJob, sentences: Iterable[str]) -> None:
    for sentence in sentences:
        log.warning("%s: %s", job.source, sentence)


def _with_copies(work: _Work, plan: Plan, copies: StreamCopy | None) -> _Work:
    """`work`, with damage and repairs of the copied streams added. Raises InputError, see `_damage_beside`."""
    repairs = tuple(copies.notes) if copies else ()
    _warn(plan.job, repairs)
    return replace(work, damaged=work.damaged + _damage_beside(plan, copies), repairs=work.repairs + repairs)


def _damage_beside(plan: Plan, copies: StreamCopy | None) -> int:
    """Packets and whole streams that were too damaged to be copied. Raises InputError if the job wants none of that."""
    job = plan.job
    damaged = sum(stream.damaged for stream in plan.streams.left_out) + (copies.damaged if copies else 0)
    if damaged:
        log.warning("%s: %d packets or streams of the sound are damaged, and left out", job.source, damaged)
    if damaged and job.strict:
        raise InputError("the sound is damaged", path=job.source, remedy="without --strict that part is left out")
    return damaged


def _copy(plan: Plan) -> StreamCopy | None:
    if not plan.streams.kept:
        return None
    job = plan.job
    return StreamCopy(
        plan.clip,
        plan.streams,
        origin=plan.encode.origin,
        start=job.start or None,
        stop=job.stop,
        stretch=plan.stretch,
    )
