"""`vfi bench`: measures the time and arithmetic of a generated frame, and how much of both routing saves."""

from __future__ import annotations

import re
from dataclasses import asdict
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from vfi_cli import __version__
from vfi_cli.cli import console
from vfi_cli.cli.options import Debug, Json, Model, Precision, Quiet, Verbose, keep_ratios
from vfi_cli.errors import UsageError
from vfi_cli.model.config import PAPER_KEEP_RATIOS

if TYPE_CHECKING:
    from vfi_cli.jobs.score.bench import BenchJob, Measured, Row
    from vfi_cli.measure.machine import Machine

EXAMPLES = """\b
Examples:
  vfi bench
  vfi bench --sizes 1920x1080 --profile
"""


def bench_command(
    sizes: Annotated[
        str | None,
        typer.Option(
            "--sizes", metavar="WxH,...", help="Frame sizes to time.", show_default="640x360,1280x720,1920x1080"
        ),
    ] = None,
    clip: Annotated[
        Path | None,
        typer.Option(
            "--input", metavar="CLIP", help="Time frames of this clip, at its size, instead of a moving texture."
        ),
    ] = None,
    model: Model = "lite",
    keep_ratio: Annotated[
        str | None,
        typer.Option(
            "--keep-ratio",
            metavar="A,B,C,D",
            help="Share of the patches that each of the four dynamic refine blocks runs on when routed.",
            show_default=",".join(map(str, PAPER_KEEP_RATIOS)),
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            "--device", metavar="auto|cpu|cuda[:N]", help="Device that runs the network; several with commas: cpu,cuda."
        ),
    ] = "auto",
    precision: Precision = "auto",
    warmup: Annotated[
        int, typer.Option("--warmup", metavar="N", help="Frames that are generated before the timed ones.")
    ] = 3,
    runs: Annotated[
        int, typer.Option("--runs", metavar="N", help="Frames that are timed; the result is their median.")
    ] = 7,
    profile: Annotated[bool, typer.Option("--profile", help="Print the time of each stage too.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Measure the speed of the network on this machine.

    Prints seconds, FLOPs, MACs and memory per generated frame, static and routed. Each timed step prepares one frame,
    and generates the frame in the middle of a pair. It reads and writes no video.

    rho is the saved share of the time divided by the saved share of the FLOPs:
    (1 - time_routed / time_static) / (1 - flops_routed / flops_static).
    """
    console.set_up_logging(quiet=quiet, verbose=verbose or debug)
    routing = PAPER_KEEP_RATIOS if keep_ratio is None else keep_ratios(keep_ratio)
    wanted = parse_sizes(sizes) if sizes else ()

    from vfi_cli.jobs.score.bench import BenchJob, run
    from vfi_cli.measure.machine import Machine

    job = BenchJob(
        model=model,
        devices=tuple(device.split(",")),
        precision=precision,
        sizes=wanted,
        routing=routing,
        clip=clip,
        warmup=warmup,
        runs=runs,
        profile=profile,
    )

    def tell(row: Row) -> None:
        if not quiet:
            console.say(f"vfi: {row.device}: timed {_size(row)}")

    rows = run(job, tell)
    machine = Machine.here()
    if as_json:
        console.print_data(_as_dict(job, machine, rows))
        return 0
    out = Console()
    out.print(_heading(job, machine), highlight=False, soft_wrap=True)
    for device, group in groupby(rows, key=lambda row: row.device):
        rows_there = list(group)
        out.print(_table(device, rows_there))
        if profile:
            out.print(_stage_table(device, rows_there))
    return 0


def parse_sizes(text: str) -> tuple[tuple[int, int], ...]:
    """ "640x360,1280x720" -> ((640, 360), (1280, 720))."""
    sizes = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)x(\d+)", part.strip())
        if match is None or not all(int(side) for side in match.groups()):
            raise UsageError(f"size {part!r}", remedy="write WxH, e.g. --sizes 640x360,1280x720")
        sizes.append((int(match[1]), int(match[2])))
    return tuple(sizes)


def _size(row: Row) -> str:
    return f"{row.size[0]}x{row.size[1]}"


def _modes(row: Row) -> dict[str, Measured]:
    return {"static": row.static, "routed": row.routed}


def _heading(job: BenchJob, machine: Machine) -> str:
    gpu = f", {machine.gpu}" if machine.gpu else ""
    ratios = ",".join(str(ratio) for ratio in job.routing)
    return (
        f"vfi {__version__}, model {job.model}, precision {job.precision}, keep ratios {ratios}\n"
        f"{machine.cpu}{gpu}, torch {machine.torch}, {machine.threads} threads, {machine.date}\n"
        f"median of {job.runs} generated frames after {job.warmup} to warm up"
    )


def _table(device: str, rows: list[Row]) -> Table:
    table = Table(title=device, title_justify="left", box=box.SIMPLE)
    for heading in ("size", "mode"):
        table.add_column(heading, no_wrap=True)
    for heading in ("s/frame", "GFLOPs", "GMACs", "MiB", "% patches", "rho"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        for mode, measured in _modes(row).items():
            rho = row.rho if mode == "routed" else None
            table.add_row(
                _size(row),
                mode,
                f"{measured.seconds:.4f}",
                f"{measured.cost.flops / 1e9:.1f}",
                f"{measured.cost.macs / 1e9:.1f}",
                f"{measured.peak_bytes / 2**20:.0f}",
                "all" if mode == "static" else " ".join(f"{100 * share:.0f}" for share in measured.shares),
                "" if rho is None else f"{rho:.2f}",
            )
    return table


def _stage_table(device: str, rows: list[Row]) -> Table:
    """A column per size and mode."""
    table = Table("ms/frame", title=device, title_justify="left", box=box.SIMPLE)
    runs = [measured.stages for row in rows for measured in _modes(row).values()]
    for row in rows:
        for mode in _modes(row):
            table.add_column(f"{_size(row)}\n{mode}", justify="right")
    for stage in dict.fromkeys(chain.from_iterable(runs)):
        table.add_row(stage, *(f"{1e3 * stages[stage]:.1f}" if stage in stages else "" for stages in runs))
    return table


def _as_dict(job: BenchJob, machine: Machine, rows: list[Row]) -> dict[str, Any]:
    return {
        "vfi": __version__,
        "model": job.model,
        "precision": job.precision,
        "keep_ratios": job.routing,
        "input": str(job.clip) if job.clip else "moving texture",
        "warmup": job.warmup,
        "runs": job.runs,
        "machine": asdict(machine),
        "results": [
            {
                "device": row.device,
                "width": row.size[0],
                "height": row.size[1],
                **{mode: _figures(measured) for mode, measured in _modes(row).items()},
                "rho": row.rho,
            }
            for row in rows
        ],
    }


def _figures(measured: Measured) -> dict[str, Any]:
    return {
        "seconds_per_frame": measured.seconds,
        "flops": measured.cost.flops,
        "macs": measured.cost.macs,
        "peak_bytes": measured.peak_bytes,
        "block_shares": measured.shares,
        "stage_seconds": measured.stages,
    }
