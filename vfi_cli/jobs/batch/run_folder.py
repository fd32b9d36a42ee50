"""All videos of a folder, each as `run_clip` does one.

First every source is looked at, which tells what is to do, what is done already and what cannot be done; names that
collide are refused there. Then a pool of workers does them. A clip that fails is an entry of the report, and the
others go on.
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

# Exit codes from the worst to the best: that of a batch is the worst of its clips.
_WORST_FIRST = (1, 6, 4, 7, 3, 2, 5, 0)
# How far an output may be from the plan: rates are rounded by some containers; where frames are uneven, as in a clip
# with damage, the mean is an estimate.
_RATE, _MEAN_RATE = Fraction(1, 2000), Fraction(1, 20)
_SLACK = Fraction(1, 2)  # seconds, and a fiftieth of the duration


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """A folder of videos to interpolate.

    Args:
        folder: where the videos are.
        target: where the outputs go, in the same tree; `folder` itself puts each beside its source, under the name
            that `plan` gives it.
        like: how each clip is done; source and target are those of the clip.
        match: patterns of which a name must fit one, see `discovery.find_videos`.
        names: the files to take instead of searching for them, relative to `folder`.
        suffix: of the outputs; tells their container.
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
    """What became of a clip."""

    DONE = "done"
    DAMAGED = "damaged"
    FINISHED = "finished before"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one clip; `name` is relative to the folder of the batch, `note` is for people."""

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
        """As JSON knows it."""
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
    """What is to be done.

    Args:
        names: of all clips, in order.
        plans: of the clips to interpolate.
        outcomes: of the clips that there is nothing to do for: finished before, or impossible.
        own: what was left aside as an output of an earlier run.
    """

    job: BatchJob
    names: tuple[Path, ...]
    plans: tuple[Plan, ...]
    outcomes: tuple[Outcome, ...]
    own: tuple[Path, ...]

    def name_of(self, plan: Plan) -> Path:
        """Of its source, relative to the folder of the batch."""
        return plan.job.source.relative_to(self.job.folder)


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What became of every clip, in order, and the seconds of wall time that the work took."""

    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def exit_code(self) -> int:
        """That of the worst clip: a bug, then device, output, limit, input, request, damage."""
        return min((outcome.exit_code for outcome in self.outcomes), key=_WORST_FIRST.index, default=0)


class WorkerPool(Protocol):
    """Does jobs, see `jobs.pool.WorkerPool.run`."""

    def run(self, jobs: Sequence[InterpJob]) -> Iterator[tuple[int, Progress | Summary | VfiError]]: ...


def survey(job: BatchJob, looked: Callable[[int, int], None] = lambda done, total: None) -> Survey:
    """Look at every source, and at the outputs that are there already. Writes nothing.

    Args:
        looked: is told how many files were looked at, of how many.

    Raises:
        InputError: there is no video.
        OutputError: the place of the folder for the outputs is taken by something else.
        UsageError: two clips would have the same output, or an output would replace a source.
    """
    if job.target.exists() and not job.target.is_dir():
        raise OutputError("exists and is not a folder", path=job.target)
    beside = job.target.exists() and job.folder.exists() and job.target.samefile(job.folder)
    if job.names is not None:
        found = listed_videos(job.folder, job.names)
    else:
        found = find_videos(job.folder, job.match, without=None if beside else job.target)
    if not found:
        raise InputError("no video in this folder", path=job.folder)
    sources = [one for one in found if one.made_from is None]
    looks: list[Plan | Outcome] = []
    for count, source in enumerate(sources):
        looked(count, len(sources))
        looks.append(_look_at(job, source, beside))
    _refuse_collisions(job, sources, looks)
    return Survey(
        job,
        names=tuple(one.name for one in sources),
        plans=tuple(look for look in looks if isinstance(look, Plan)),
        outcomes=tuple(look for look in looks if isinstance(look, Outcome)),
        own=tuple(one.name for one in found if one.made_from is not None),
    )


def run(
    surveyed: Survey,
    pool: WorkerPool,
    tell: Callable[[Outcome], None] = lambda _: None,
    report: Callable[[Progress], None] = lambda _: None,
) -> BatchReport:
    """Do what is to be done.

    Args:
        tell: is called for each clip that ends.
        report: is told how far all of them are, now and then.
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
    place = {name: index for index, name in enumerate(surveyed.names)}
    return BatchReport(tuple(sorted(outcomes, key=lambda one: place[one.name])), time.monotonic() - begin)


def _outcome(name: Path, target: Path | None, event: Summary | VfiError) -> Outcome:
    if isinstance(event, VfiError):
        return Outcome(name, State.FAILED, target, error=event, note=_words(event))
    if event.damaged:
        note = f"{event.damaged} frames of the input are damaged"
        return Outcome(name, State.DAMAGED, target, summary=event, note=note)
    return Outcome(name, State.DONE, target, summary=event)


def _words(error: VfiError) -> str:
    """What happened, what to do, and what is left, without the name of the file."""
    what = f"{error.what} ({error.remedy})" if error.remedy else error.what
    return "; ".join([what, *getattr(error, "__notes__", [])])


def _look_at(job: BatchJob, found: Found, beside: bool) -> Plan | Outcome:
    """What is to do for one source, or why there is nothing to do."""
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
    """Compare the output that is there with the one that would be made; what is odd about it, "" if nothing is.

    An output appears under its name only when it is complete, so one of the right size and rate that is neither older
    than its source nor longer than planned is taken for it. How it was encoded is not compared.

    Raises:
        OutputError: it is another one.
    """
    target, planned = plan.target, plan.encode
    try:
        made = probe(target)
    except VfiError as error:
        raise _other(target, "is not a readable video") from error
    if target.stat().st_mtime < plan.job.source.stat().st_mtime:
        raise _other(target, "is older than its source")
    if (made.width, made.height) != (planned.width, planned.height):
        raise _other(target, f"is {made.width}x{made.height}, not {planned.width}x{planned.height}")
    if abs(made.average_rate / plan.rate - 1) > (_MEAN_RATE if plan.clip.vfr or made.vfr else _RATE):
        raise _other(target, f"has {float(made.average_rate):.3f} fps, not {float(plan.rate):.3f}")
    slack = _SLACK + plan.duration_out / 50
    lengths = f"{float(made.duration):.1f} s, not {float(plan.duration_out):.1f}"
    if made.duration > plan.duration_out + slack:
        raise _other(target, f"lasts {lengths}")
    return f"it lasts {lengths}" if made.duration < plan.duration_out - slack else ""


def _other(target: Path, how: str) -> OutputError:
    return OutputError(f"exists already, and {how}", path=target, remedy="-y replaces it")


def _refuse_collisions(job: BatchJob, sources: Sequence[Found], looks: Sequence[Plan | Outcome]) -> None:
    """Raises UsageError where two clips have one output, or an output lies where a source is."""
    originals = {os.path.realpath(job.folder / source.name) for source in sources}
    taken: dict[str, Path] = {}
    for source, look in zip(sources, looks, strict=True):
        if look.target is None:
            continue
        place = os.path.realpath(look.target)
        if place in originals:
            raise UsageError(
                "is a source, but the output of another one would go there",
                path=look.target,
                remedy="choose another folder for the outputs",
            )
        if place in taken:
            raise UsageError(
                f"would be the output of both {taken[place]} and {source.name}",
                path=look.target,
                remedy="rename one, or leave one out with --match or --list",
            )
        taken[place] = source.name
