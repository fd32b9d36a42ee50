"""`vfi study`: compares ways to choose the patches that run the refine blocks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vfi_cli.cli import console
from vfi_cli.cli.options import Debug, Device, Json, Model, Precision, Quiet, Verbose, keep_ratios
from vfi_cli.cli.table import print_table

if TYPE_CHECKING:
    from vfi_cli.jobs.score.evaluate import BadClip
    from vfi_cli.jobs.score.study import ClipStudy, StudyReport

EXAMPLES = """\b
Example:
  vfi study clips/ -o study --max-frames 15
"""


def study_command(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Videos, folders of PNG or JPEG frames, or folders of either."),
    ],
    target: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FOLDER", help="Folder of the results; it is created if it does not exist."
        ),
    ],
    model: Model = "lite",
    keep_ratio: Annotated[
        list[str] | None,
        typer.Option(
            "--keep-ratio",
            metavar="A,B,C,D",
            help="Share of the patches that each of the four dynamic refine blocks runs on; may be repeated.",
            show_default="that of the paper, two smaller ones, one larger one",
        ),
    ] = None,
    max_frames: Annotated[
        int | None, typer.Option("--max-frames", metavar="N", help="Read at most this many frames of each clip.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the random routes.")] = 0,
    device: Device = "auto",
    precision: Precision = "auto",
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Compare ways to choose patches: quality against arithmetic.

    At each keep ratio, three rules choose the patches: the router, the difference of the two warped frames, and random
    choice. They are compared with the router without a ratio, the static network, and its first block alone. Every
    other frame is removed and generated again. FOLDER then contains study.csv, study.json, curve.png and the route maps
    of each clip.

    If a clip cannot be used, it is named, and the work continues with the others. The exit code is then 5, or 3 if no
    clip could be used.
    """
    console.set_up_logging(quiet=quiet, verbose=verbose or debug)
    budgets = tuple(keep_ratios(text) for text in keep_ratio or ())

    from vfi_cli.jobs.score.evaluate import BadClip
    from vfi_cli.jobs.score.study import BUDGETS, StudyJob, run
    from vfi_cli.jobs.score.study_report import StudyFolder, as_dict

    job = StudyJob(
        paths=tuple(paths),
        model=model,
        device=device,
        precision=precision,
        budgets=budgets or BUDGETS,
        max_frames=max_frames,
        seed=seed,
    )
    folder = StudyFolder(target)

    def tell(result: ClipStudy | BadClip) -> None:
        if isinstance(result, BadClip):
            console.say(f"vfi: {result.clip} cannot be used: {result.error}")
        elif not quiet:
            console.say(f"vfi: {result.clip}: {result.frames} frames along {len(result.points)} routes")

    report = run(job, tell, folder.add_maps)
    folder.write(job, report)
    if as_json:
        console.print_data(as_dict(job, report))
    elif not quiet and report.mean:
        _print(report)
    return report.exit_code


def _print(report: StudyReport) -> None:
    static = report.mean[-1]
    rows = [
        (
            f"{point.psnr:.3f}",
            f"{point.psnr - static.psnr:+.3f}",
            f"{point.flops / 1e9:.2f}",
            f"{point.flops / static.flops:.1%}",
            point.rule,
            ",".join(f"{ratio:.3g}" for ratio in point.ratios or point.shares),
        )
        for point in report.mean
    ]
    headings = ("PSNR", "to static", "GFLOPs", "of static", "rule", "share of the patches per block")
    print_table(headings, rows, sys.stdout, numbers=4)
