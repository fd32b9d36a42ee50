"""`vfi routes`: draws over a video how many refine blocks each patch runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vfi_cli.cli import console
from vfi_cli.cli.options import (
    Debug,
    Device,
    Json,
    KeepRatio,
    Model,
    Overwrite,
    Precision,
    Quiet,
    Start,
    Static,
    Stop,
    Verbose,
    routing_of,
)
from vfi_cli.timing.timeline import parse_time

EXAMPLES = """\b
Example:
  vfi routes in.mp4 -o routes.mp4
"""


def routes_command(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Video file.")],
    target: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Video file to write.")],
    model: Model = "lite",
    keep_ratio: KeepRatio = None,
    static: Static = False,
    device: Device = "auto",
    precision: Precision = "auto",
    start: Start = None,
    stop: Stop = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Draw over a video how many refine blocks each patch runs.

    A patch has 64x64 pixels. The output has the frame rate and duration of the source, and no audio.

    Exit code 5: the output is complete, but the source was damaged.
    """
    console.set_up_logging(quiet=quiet, verbose=verbose or debug)
    routing = routing_of(keep_ratio, static)
    begin = parse_time(start or "0", "--ss")
    end = parse_time(stop, "--to") if stop is not None else None

    from vfi_cli.jobs.score.routes import RoutesJob, run

    job = RoutesJob(
        source=source,
        target=target,
        model=model,
        routing=routing,
        device=device,
        precision=precision,
        start=begin,
        stop=end,
        overwrite=overwrite,
    )
    with console.ProgressBar(quiet=quiet) as bar:
        summary = run(job, bar)
    if as_json:
        console.print_data(summary.to_dict())
    elif not quiet:
        shares = ", ".join(f"{share:.1%}" for share in summary.shares)
        damaged = f"; {summary.damaged} DAMAGED in the input" if summary.damaged else ""
        console.say(f"{summary.target}: {summary.frames} frames; {shares} of the patches run block 1 to 4{damaged}")
    return summary.exit_code
