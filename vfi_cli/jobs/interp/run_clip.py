"""Interpolates one clip: reads the source, makes the frames, and writes the output.

    decode --[queue]--> schedule, scene cuts, interpolator --[queue]--> encode

Each stage has a thread; the middle stage runs in the thread of the caller. The memory does not depend on the length of
the clip. It holds two bounded queues of frames, the pair that is interpolated, and the frames inside the codecs. If the
spacing of the frames varies, `Clock` also holds the few frames that `Cadence` looks ahead. `Deduplication` looks ahead
too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from vfi_cli.engine.interpolator import Interpolator, load_interpolator
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
from vfi_cli.video.location.output_location import OutputLocation
from vfi_cli.video.streams.stream_copy import StreamCopy
from vfi_cli.video.write.concat import check_muxer, concat_segments
from vfi_cli.video.write.open_output import open_location, open_writer
from vfi_cli.video.write.segments import SegmentWriter

log = logging.getLogger(__name__)

SEGMENT_FRAMES = 250
"""Frames of a segment, the most that an interruption can cost. Also the default key frame interval of x264 and x265."""


def run(
    job: InterpJob,
    report: Callable[[Progress], None] = lambda _: None,
    interpolator: Interpolator | None = None,
) -> Summary:
    """Do `job`.

    The output gets its name only when it is complete and checked. If the job is interrupted, running the same job
    again resumes it. A job that fails permanently leaves no files.

    Args:
        job: the clip and the options.
        report: called after every frame of the output.
        interpolator: used instead of the model of `job`.

    Raises:
        VfiError: see `errors` for its kinds.
    """
    begin = time.perf_counter()
    plan = make_plan(job)
    with open_location(plan.encode, source=job.source, overwrite=job.overwrite) as target:
        _warn(job, plan.warnings())
        if isinstance(target, OutputFile) and plan.encode.output.is_video and job.source != PIPE:
            work = _write_resumable(plan, target, interpolator, report)
        else:
            work = _write_directly(plan, target, interpolator, report)
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
    """What the pipeline did, and what was found to be damaged or was repaired."""

    interpolator: Interpolator
    tally: Tally
    stages: tuple[StageTime, ...]
    damaged: int
    repairs: tuple[str, ...]


Report = Callable[[Progress], None]


def _write_directly(plan: Plan, location: OutputLocation, given: Interpolator | None, report: Report) -> _Work:
    """Write the output without segments. An interrupted run cannot be resumed."""
    if plan.encode.output.is_video:
        _check_muxer(plan, location)
    copies = _new_copy(plan)
    with open_writer(location.temp_path, plan.encode, copies) as writer:
        work = _process_frames(plan, given or _load_interpolator(plan.job), writer.write, report)
    work = _with_damage_of_copies(work, plan, copies)
    writer.verify()
    location.commit()
    return work


def _write_resumable(plan: Plan, target: OutputFile, given: Interpolator | None, report: Report) -> _Work:
    """Write the segments that an earlier run has not finished, then join all segments and add the other streams."""
    job, encode = plan.job, plan.encode
    extradata = _check_muxer(plan, target)
    interpolator = given or _load_interpolator(job)
    identity = fingerprint(job, interpolator, extradata, SEGMENT_FRAMES)
    # Audio before the first frame moves the origin.
    identity["clock"] = f"{encode.time_base} s from {encode.origin} s on"
    journal = Journal(target, identity, restart=job.restart)
    if journal.segments:
        log.info("%s: resuming after %d frames", plan.target, journal.frames)
    kept = dict(journal.segments)
    with (
        journal.keeping_segments(),
        SegmentWriter(
            target.folder, encode, extradata, length=SEGMENT_FRAMES, kept=kept, closed=journal.append
        ) as writer,
    ):
        work = _process_frames(plan, interpolator, writer.write, report, writer.is_kept)
    # All segments are finished. An OutputError now comes from other streams or from the location.
    with journal.keeping_segments(OutputError):
        copies = _new_copy(plan)
        concat_segments(target.temp_path, encode, copies, target.folder, writer.segments)
        work = _with_damage_of_copies(work, plan, copies)
        target.commit()
    return work


def _check_muxer(plan: Plan, location: OutputLocation) -> bytes | None:
    """Open a trial output, and warn of the properties that the output loses. Returns the encoder's extradata."""
    check = check_muxer(location.temp_path, plan.encode, _new_copy(plan))
    for sentence in check.lost:
        log.warning("%s: %s", plan.job.source, sentence)
    return check.extradata


def _load_interpolator(job: InterpJob) -> Interpolator:
    interpolator = load_interpolator(job.model, job.device, job.precision, job.routing)
    log.info("%s on %s", job.model, interpolator.runtime.label)
    return interpolator


def _process_frames(
    plan: Plan,
    interpolator: Interpolator,
    write: Callable[[Any], None],
    report: Report,
    done: Callable[[int], bool] = lambda _: False,
) -> _Work:
    """Pass all frames of the clip through decoder, interpolator and encoder.

    Args:
        plan: what to do.
        interpolator: makes the frames.
        write: takes each output frame, or only the slot of a frame that is `done`.
        report: called after every output frame.
        done: whether an earlier run has finished an output frame, given its number.

    Raises InputError if frames are damaged and the job is strict.
    """
    job, encode = plan.job, plan.encode
    detector = SceneDetector(job.scene_threshold) if job.scene_threshold is not None else None
    renderer = FrameRenderer(interpolator, encode.format, detector, job.scene_mode, plan.mask, encode.color, done)
    begin = time.perf_counter()
    with plan.source.decode(plan.clip, job.start or None, job.stop) as decoder, Pipeline("interpolate") as pipeline:
        turned = plan.shown(decoder)
        marked = turned if job.dedup is None else job.dedup.mark(turned, detector)
        frames = pipeline.source("decode", marked, decoder.interrupt)
        put = pipeline.sink("encode", write)
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
            f"{decoder.damaged} frames are damaged", path=job.source, remedy="without --strict they are replaced"
        )
    return _Work(interpolator, renderer.tally, pipeline.times, decoder.damaged, repairs)


def _warn(job: InterpJob, sentences: Iterable[str]) -> None:
    for sentence in sentences:
        log.warning("%s: %s", job.source, sentence)


def _with_damage_of_copies(work: _Work, plan: Plan, copies: StreamCopy | None) -> _Work:
    """`work`, with the damage and repairs of the copied streams added. Raises InputError, see `_count_damage`."""
    repairs = tuple(copies.notes) if copies else ()
    _warn(plan.job, repairs)
    return replace(work, damaged=work.damaged + _count_damage(plan, copies), repairs=work.repairs + repairs)


def _count_damage(plan: Plan, copies: StreamCopy | None) -> int:
    """The number of packets and whole streams that were too damaged to copy.

    Raises InputError if there are any and the job is strict.
    """
    job = plan.job
    damaged = sum(stream.damaged for stream in plan.streams.left_out) + (copies.damaged if copies else 0)
    if damaged:
        log.warning(
            "%s: %d packets or streams of audio, subtitles or data are damaged, and left out", job.source, damaged
        )
    if damaged and job.strict:
        raise InputError(
            "audio, subtitles or data are damaged", path=job.source, remedy="without --strict that part is left out"
        )
    return damaged


def _new_copy(plan: Plan) -> StreamCopy | None:
    """A new copy of the streams besides the video; None if no such stream is kept."""
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
