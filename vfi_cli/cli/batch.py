"""`vfi batch`: every video of a folder, in one go."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vfi_cli.cli import console
from vfi_cli.cli.dry_run import little_room, losses, show_plan
from vfi_cli.cli.interp_options import InterpOptions, takes_interp_options
from vfi_cli.cli.options import Debug, Json, Quiet, Verbose
from vfi_cli.cli.table import print_table
from vfi_cli.errors import UsageError

if TYPE_CHECKING:
    from vfi_cli.jobs.batch.run_folder import BatchReport, Outcome, Survey

log = logging.getLogger(__name__)

FILES = "Files and devices"  # a heading of the help

EXAMPLES = """\b
Examples:
  vfi batch in/ out/ --fps 60 --dry-run
  vfi batch in/ out/ --fps 60
  vfi batch in/ out/ --match '*.mkv' --container mkv --devices 0,1
"""


class Container(StrEnum):
    MP4 = "mp4"
    MKV = "mkv"
    MOV = "mov"
    WEBM = "webm"


@takes_interp_options
def batch_command(
    folder: Annotated[Path, typer.Argument(metavar="IN_DIR", help="Folder of videos.")],
    target: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Folder for the outputs; may be IN_DIR.")],
    *,
    match: Annotated[
        list[str] | None,
        typer.Option(
            "--match",
            metavar="PATTERN",
            help="Only names that match: '*.mkv', 's1/*'; may be repeated.",
            rich_help_panel=FILES,
        ),
    ] = None,
    list_file: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="Only the files in this list: a path below IN_DIR on each line.",
            rich_help_panel=FILES,
        ),
    ] = None,
    container: Annotated[
        Container, typer.Option("--container", help="Container of the outputs.", rich_help_panel=FILES)
    ] = Container.MP4,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only estimate the time and the size of the outputs.", rich_help_panel=FILES),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="COUNT",
            help="Clips at the same time, on one device.",
            show_default="1",
            rich_help_panel=FILES,
        ),
    ] = None,
    devices: Annotated[
        str | None,
        typer.Option(
            "--devices",
            metavar="0,1",
            help="CUDA devices; each runs one clip at a time.",
            rich_help_panel=FILES,
        ),
    ] = None,
    options: InterpOptions,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Interpolate all videos of a folder.

    Each video below IN_DIR gets an output at the same place below OUT_DIR. An output that has the planned size and rate
    and is newer than its source is skipped; -y makes it again. A file that fails is named, and the others go on.
    The same command resumes an interrupted run.

    The exit code is that of the worst file, in this order: 1 (bug), 6 (model or device), 4 (output), 7 (limit),
    3 (input), 2 (request), 5 (source damaged), 0.
    """
    console.set_up_logging(quiet=quiet, verbose=verbose or debug)
    places = worker_devices(workers, devices, options.device)

    from vfi_cli.jobs.batch.discovery import read_list
    from vfi_cli.jobs.batch.run_folder import BatchJob, survey

    job = BatchJob(
        folder=folder,
        target=target,
        template=options.job(folder),
        match=tuple(match or ()),
        names=tuple(read_list(list_file)) if list_file is not None else None,
        suffix=f".{container.value}",
    )
    surveyed = survey(job, _Looking())
    if surveyed.own:
        log.info("%d files are left aside as outputs of an earlier run, e.g. %s", len(surveyed.own), surveyed.own[0])
    for warning in little_room(surveyed):
        log.warning("%s", warning)
    if dry_run:
        for warning in losses(surveyed):
            log.warning("%s", warning)
        return show_plan(surveyed, places, as_json=as_json)
    report = _do(surveyed, places, quiet=quiet)
    if not quiet:
        _show_report(report)
    if as_json:
        console.print_data(_report_dict(report))
    return report.exit_code


def worker_devices(workers: int | None, devices: str | None, device: str) -> tuple[str, ...]:
    """The device of each worker, as `--device` names one.

    Raises UsageError for options that exclude each other and for less than one worker.
    """
    if devices is None:
        if workers is not None and workers < 1:
            raise UsageError(f"--workers {workers}: at least 1 is needed")
        return (device,) * (workers or 1)
    if workers is not None or device != "auto":
        raise UsageError("--devices excludes --workers and --device")
    names = [name.strip() for name in devices.split(",")]
    return tuple(f"cuda:{name}" if name.isdecimal() else name for name in names)


def _do(surveyed: Survey, places: tuple[str, ...], *, quiet: bool) -> BatchReport:
    from vfi_cli.jobs.batch.run_folder import BatchReport, run

    if not surveyed.plans:
        return BatchReport(surveyed.outcomes, seconds=0.0)

    from vfi_cli.jobs.batch.pool import WorkerPool

    count = len(surveyed.outcomes)

    def tell(outcome: Outcome) -> None:
        nonlocal count
        count += 1
        log.info("%d of %d: %s", count, len(surveyed.names), _words(outcome))

    at_most = len(surveyed.plans)
    with WorkerPool(surveyed.job.template, places, at_most=at_most) as pool, console.ProgressBar(quiet=quiet) as bar:
        try:
            return run(surveyed, pool, tell, bar)
        except SystemExit as error:  # by a signal
            error.add_note("what is finished stays: the same command goes on from there")
            raise


class _Looking:
    """Says now and then how many files were looked at: on a slow disk that takes a while."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._last >= console.SECONDS_PER_LINE:
            self._last = time.monotonic()
            log.info("looked at %d of %d files", done, total)


def _words(outcome: Outcome) -> str:
    """One line for people: what became of which file."""
    details = []
    if outcome.summary is not None:
        details.append(f"{outcome.summary.frames_out} frames in {console.clock(outcome.summary.seconds)}")
    if outcome.note:
        details.append(outcome.note)
    return f"{outcome.name} {outcome.state.value}: {'; '.join(details)}"


def _show_report(report: BatchReport) -> None:
    """What was finished before without anything odd is only counted."""
    from vfi_cli.jobs.batch.run_folder import State

    rows = [
        (
            str(one.summary.frames_out) if one.summary is not None else "",
            console.clock(one.summary.seconds) if one.summary is not None else "",
            one.state.value,
            str(one.name),
            one.note,
        )
        for one in report.outcomes
        if one.state is not State.FINISHED or one.note
    ]
    if rows:
        print_table(("frames", "time", "result", "file", "note"), rows, sys.stderr, numbers=2)
    counts = Counter(one.state for one in report.outcomes)
    told = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
    console.say(f"{told}; {console.clock(report.seconds)}")


def _report_dict(report: BatchReport) -> dict[str, Any]:
    return {
        "files": [outcome.to_dict() for outcome in report.outcomes],
        "seconds": report.seconds,
        "exit_code": report.exit_code,
    }
