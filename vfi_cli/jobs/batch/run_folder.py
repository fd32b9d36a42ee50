"""Interpolates all videos of a folder, each as `run_clip` does.

`survey` probes every source. It finds which clips to interpolate, which are finished, and which cannot be interpolated.
It refuses outputs that would replace each other or a source. `run` then gives the clips to a pool of workers. If a clip
fails, the report says so, and the other clips go on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from vfi_cli.errors import InputError, OutputError, UsageError, VfiError
from vfi_cli.jobs.batch.discovery import Found, find_videos, listed_videos
from vfi_cli.jobs.interp.plan import InterpJob, Plan, make_plan, plan_for_clip
from vfi_cli.jobs.interp.summary import Progress, Summary
from vfi_cli.video.read.probe import probe

# Exit codes from worst to best. The exit code of a batch is the worst one of its clips.
_WORST_FIRST = (1, 6, 4, 7, 3, 2, 5, 0)
# How much an existing output may differ from the plan. Some containers round the frame rate. If the frames are uneven,
# as in a damaged clip, the mean frame rate is only an estimate.
_RATE_TOLERANCE, _MEAN_RATE_TOLERANCE = Fraction(1, 2000), Fraction(1, 20)  # relative
_DURATION_TOLERANCE = Fraction(1, 2)  # seconds; a fiftieth of the duration is added


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """A folder of videos to interpolate.

    Args:
        folder: the folder of the videos.
        target: the folder of the outputs; it gets the same subfolders. If it is `folder` itself, each output lies
            beside its source, under the name that `plan` gives it.
        template: the options of each clip; its source and target are replaced by those of the clip.
        match: patterns of names, see `discovery.find_videos`.
        names: these files are taken, relative to `folder`, and the folder is not searched. None: it is searched.
        suffix: of the outputs; it decides their container.
    """

    folder: Path
    target: Path
    template: InterpJob
    match: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None
    suffix: str = ".mp4"

    def __post_init__(self) -> None:
        if self.match and self.names is not None:
            raise UsageError("--match and --list exclude each other")


class State(StrEnum):
    """The result for one clip."""

    DONE = "done"
    DAMAGED = "damaged"
    FINISHED = "finished before"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one clip, with details. `name` is relative to the folder of the batch, `note` is for users."""

    name: Path
    state: State
    target: Path | None = None
    summary: Summary | None = None
    error: VfiError | None = None
    note: str = ""

    @property
    def exit_code(self) -> int:
        if self.error is not None:
            return self.error.exit_code
        return self.summary.exit_code if self.summary is not None else 0

    def to_dict(self) -> dict[str, Any]:
        """The outcome as values that JSON supports."""
        return {
            "source": str(self.name),
            "state": self.state.value,
            "target": str(self.target) if self.target else None,
            "note": self.note,
            "exit_code": self.exit_code,
            "summary": self.summary.to_dict() if self.summary is not None else None,
        }


@dataclass(frozen=True, slots=True)
class Survey:
    """What `survey` found.

    Args:
        job: the batch.
        names: all clips, in order.
        plans: the clips to interpolate.
        outcomes: the clips with nothing to do: those finished before, and those that cannot be interpolated.
        own: files that were skipped because their names are those of outputs of an earlier run.
    """

    job: BatchJob
    names: tuple[Path, ...]
    plans: tuple[Plan, ...]
    outcomes: tuple[Outcome, ...]
    own: tuple[Path, ...]

    def name_of(self, plan: Plan) -> Path:
        """The source of `plan`, relative to the folder of the batch."""
        return plan.job.source.relative_to(self.job.folder)


@dataclass(frozen=True, slots=True)
class BatchReport:
    """The outcome of every clip, in order, and the wall time of the work in seconds."""

    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def exit_code(self) -> int:
        """The worst exit code of the clips. From worst: a bug, model or device, output, limit, input, usage, damage."""
        return min((outcome.exit_code for outcome in self.outcomes), key=_WORST_FIRST.index, default=0)


class WorkerPool(Protocol):
    """Does jobs, see `pool.WorkerPool.run`."""

    def run(self, jobs: Sequence[InterpJob]) -> Iterator[tuple[int, Progress | Summary | VfiError]]: ...


def survey(job: BatchJob, report: Callable[[int, int], None] = lambda done, total: None) -> Survey:
    """Probe every source and every existing output. Writes nothing.

    Args:
        job: the batch.
        report: called before each source is probed, with the number of probed sources and their total number.

    Raises:
        InputError: the folder has no video.
        OutputError: the folder of the outputs exists, but is not a folder.
        UsageError: two clips would have the same output, or an output would replace a source.
    """
    if job.target.exists() and not job.target.is_dir():
        raise OutputError("exists and is not a folder", path=job.target)
    beside = job.target.exists() and job.folder.exists() and job.target.samefile(job.folder)
    if job.names is not None:
        found = listed_videos(job.folder, job.names)
    else:
        found = find_videos(job.folder, job.match, exclude=None if beside else job.target)
    if not found:
        raise InputError("no video in this folder", path=job.folder)
    sources = [one for one in found if one.made_from is None]
    results: list[Plan | Outcome] = []
    for count, source in enumerate(sources):
        report(count, len(sources))
        results.append(_survey_clip(job, source, beside))
    _refuse_collisions(job, sources, results)
    return Survey(
        job,
        names=tuple(one.name for one in sources),
        plans=tuple(result for result in results if isinstance(result, Plan)),
        outcomes=tuple(result for result in results if isinstance(result, Outcome)),
        own=tuple(one.name for one in found if one.made_from is not None),
    )


def run(
    surveyed: Survey,
    pool: WorkerPool,
    tell: Callable[[Outcome], None] = lambda _: None,
    report: Callable[[Progress], None] = lambda _: None,
) -> BatchReport:
    """Interpolate the clips of `surveyed`.

    Args:
        surveyed: gives the plans.
        pool: does the jobs.
        tell: called with the outcome of each clip when the clip ends.
        report: called from time to time with the progress of all clips together.
    """
    begin = time.monotonic()
    outcomes = list(surveyed.outcomes)
    counts = [(0, 0, plan.frames, 0) for plan in surveyed.plans]  # frames read, written, expected, kept
    for number, event in pool.run([plan.job for plan in surveyed.plans]):
        if isinstance(event, Progress):
            counts[number] = event.read, event.written, event.expected, event.kept
            read, written, expected, kept = map(sum, zip(*counts, strict=True))
            report(Progress(read, written, expected, time.monotonic() - begin, event.route_shares, kept))
            continue
        plan = surveyed.plans[number]
        if isinstance(event, VfiError):
            counts[number] = 0, 0, 0, 0
        else:
            counts[number] = event.frames_in, event.frames_out, event.frames_out, event.kept
        outcomes.append(_outcome(surveyed.name_of(plan), plan.target, event))
        tell(outcomes[-1])
    order = {name: index for index, name in enumerate(surveyed.names)}
    return BatchReport(tuple(sorted(outcomes, key=lambda one: order[one.name])), time.monotonic() - begin)


def _outcome(name: Path, target: Path | None, event: Summary | VfiError) -> Outcome:
    if isinstance(event, VfiError):
        return Outcome(name, State.FAILED, target, error=event, note=_message(event))
    if event.damaged:
        note = f"{event.damaged} frames of the input are damaged"
        return Outcome(name, State.DAMAGED, target, summary=event, note=note)
    return Outcome(name, State.DONE, target, summary=event)


def _message(error: VfiError) -> str:
    """The message, the remedy and the notes of `error`, without the name of the file."""
    what = f"{error.what} ({error.remedy})" if error.remedy else error.what
    return "; ".join([what, *getattr(error, "__notes__", [])])


def _survey_clip(job: BatchJob, found: Found, beside: bool) -> Plan | Outcome:
    """The plan for one source, or an outcome if there is nothing to do.

    beside: the output goes beside its source.
    """
    target = None if beside else (job.target / found.name).with_suffix(job.suffix)
    try:
        source = job.folder / found.name
        if found.problem:
            raise InputError(found.problem, path=source)
        plan = make_plan(replace(job.template, source=source, target=target))
        if target is None:
            target = plan.target.with_suffix(job.suffix)
            plan = plan_for_clip(replace(plan.job, target=target), plan.source, plan.clip)
        if job.template.overwrite or not target.is_file() or target.is_symlink():
            return plan
        return Outcome(found.name, State.FINISHED, target, note=_check_finished(plan))
    except VfiError as error:
        return _outcome(found.name, target, error)


def _check_finished(plan: Plan) -> str:
    """Compare the existing output with `plan`. Returns a note if it is shorter than planned, else "".

    An output gets its name only when it is complete. So an existing file counts as this output if its frame size and
    frame rate are right, and it is neither older than its source nor longer than planned. Encoder options are not
    compared.

    Raises:
        OutputError: the file is not this output.
    """
    target, planned = plan.target, plan.encode
    try:
        made = probe(target)
    except VfiError as error:
        raise _mismatch(target, "is not a readable video") from error
    if target.stat().st_mtime < plan.job.source.stat().st_mtime:
        raise _mismatch(target, "is older than its source")
    if (made.width, made.height) != (planned.width, planned.height):
        raise _mismatch(target, f"is {made.width}x{made.height}, not {planned.width}x{planned.height}")
    if abs(made.average_rate / plan.rate - 1) > (
        _MEAN_RATE_TOLERANCE if plan.clip.vfr or made.vfr else _RATE_TOLERANCE
    ):
        raise _mismatch(target, f"has {float(made.average_rate):.3f} fps, not {float(plan.rate):.3f}")
    tolerance = _DURATION_TOLERANCE + plan.duration_out / 50
    lengths = f"{float(made.duration):.1f} s, not {float(plan.duration_out):.1f}"
    if made.duration > plan.duration_out + tolerance:
        raise _mismatch(target, f"lasts {lengths}")
    return f"it lasts {lengths}" if made.duration < plan.duration_out - tolerance else ""


def _mismatch(target: Path, difference: str) -> OutputError:
    return OutputError(f"exists already, but {difference}", path=target, remedy="-y replaces it")


def _refuse_collisions(job: BatchJob, sources: Sequence[Found], results: Sequence[Plan | Outcome]) -> None:
    """Raises UsageError if two clips have the same output, or an output has the path of a source."""
    source_paths = {os.path.realpath(job.folder / source.name) for source in sources}
    taken: dict[str, Path] = {}
    for source, result in zip(sources, results, strict=True):
        if result.target is None:
            continue
        target = os.path.realpath(result.target)
        if target in source_paths:
            raise UsageError(
                "is a source, but the output of another source would replace it",
                path=result.target,
                remedy="choose another folder for the outputs",
            )
        if target in taken:
            raise UsageError(
                f"would be the output of both {taken[target]} and {source.name}",
                path=result.target,
                remedy="rename one, or leave one out with --match or --list",
            )
        taken[target] = source.name
