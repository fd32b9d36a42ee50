"""`vfi batch`: interpolates all videos of a folder."""

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
            help="Only files whose name or path matches: '*.mkv', 's1/*'; may be repeated.",
            rich_help_panel=FILES,
        ),
    ] = None,
    list_file: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="Only the files in this list: one path on each line, relative to IN_DIR.",
            rich_help_panel=FILES,
        ),
    ] = None,
    container: Annotated[
        Container, typer.Option("--container", help="Container of the outputs.", rich_help_panel=FILES)
    ] = Container.MP4,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the estimated time and size of the outputs, and stop.", rich_help_panel=FILES
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="COUNT",
            help="Number of clips at the same time, on one device.",
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

    Each video below IN_DIR gets an output at the same place below OUT_DIR. An output is skipped if it has the planned
    size and frame rate and is newer than its source; -y makes it again. If a file fails, it is named, and the work
    continues with the others. The same command resumes an interrupted run.

    The exit code is that of the worst file, from the worst to the best: 1 (bug), 6 (model or device), 4 (output),
    7 (limit), 3 (input), 2 (options), 5 (source damaged), 0.
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
    surveyed = survey(job, _SurveyProgress())
    if surveyed.own:
        log.info("%d files are outputs of an earlier run and are ignored, e.g. %s", len(surveyed.own), surveyed.own[0])
    for warning in little_room(surveyed):
        log.warning("%s", warning)
    if dry_run:
        for warning in losses(surveyed):
            log.warning("%s", warning)
        return show_plan(surveyed, places, as_json=as_json)
    report = _run_batch(surveyed, places, quiet=quiet)
    if not quiet:
        _show_report(report)
    if as_json:
        console.print_data(_report_dict(report))
    return report.exit_code


def worker_devices(workers: int | None, devices: str | None, device: str) -> tuple[str, ...]:
    """The device of each worker, in the form of `--device`.

    Raises UsageError for options that exclude each other, and for fewer than one worker.
    """
    if devices is None:
        if workers is not None and workers < 1:
            raise UsageError(f"--workers {workers}: at least 1 is needed")
        return (device,) * (workers or 1)
    if workers is not None or device != "auto":
        raise UsageError("--devices excludes --workers and --device")
    names = [name.strip() for name in devices.split(",")]
    return tuple(f"cuda:{name}" if name.isdecimal() else name for name in names)


def _run_batch(surveyed: Survey, places: tuple[str, ...], *, quiet: bool) -> BatchReport:
    from vfi_cli.jobs.batch.run_folder import BatchReport, run

    if not surveyed.plans:
        return BatchReport(surveyed.outcomes, seconds=0.0)

    from vfi_cli.jobs.batch.pool import WorkerPool

    count = len(surveyed.outcomes)

    def tell(outcome: Outcome) -> None:
        nonlocal count
        count += 1
        log.info("%d of %d: %s", count, len(surveyed.names), _outcome_line(outcome))

    at_most = len(surveyed.plans)
    with WorkerPool(surveyed.job.template, places, at_most=at_most) as pool, console.ProgressBar(quiet=quiet) as bar:
        try:
            return run(surveyed, pool, tell, bar)
        except SystemExit as error:  # by a signal
            error.add_note("finished outputs stay: the same command resumes the run")
            raise


class _SurveyProgress:
    """Logs every some seconds how many files were looked at, because this takes long on a slow disk."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._last >= console.SECONDS_PER_LINE:
            self._last = time.monotonic()
            log.info("looked at %d of %d files", done, total)


def _outcome_line(outcome: Outcome) -> str:
    """One line for users: the file and its result."""
    details = []
    if outcome.summary is not None:
        details.append(f"{outcome.summary.frames_out} frames in {console.clock(outcome.summary.seconds)}")
    if outcome.note:
        details.append(outcome.note)
    return f"{outcome.name} {outcome.state.value}: {'; '.join(details)}"


def _show_report(report: BatchReport) -> None:
    """Print a table of the files, and a line of counts. Files finished before and without a note are only counted."""
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
    counted = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
    console.say(f"{counted}; {console.clock(report.seconds)}")


def _report_dict(report: BatchReport) -> dict[str, Any]:
    return {
        "files": [outcome.to_dict() for outcome in report.outcomes],
        "seconds": report.seconds,
        "exit_code": report.exit_code,
    }
