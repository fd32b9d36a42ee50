"""`vfi train`: trains a network on clips, with a recipe."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vfi_cli.cli import console
from vfi_cli.cli.options import Debug, Device, Quiet, Verbose
from vfi_cli.errors import UsageError
from vfi_cli.train.recipes import RECIPES

EXAMPLES = """\b
Example:
  vfi train lite --data PACK --out runs/lite --minutes 60
"""


def train_command(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help=f"One of {', '.join(RECIPES)}.")],
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="Training clips: a pack, Vimeo90K, X-TRAIN, videos or frames; may be repeated.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Folder for weights, metrics and images.")
    ] = None,
    minutes: Annotated[
        float, typer.Option("--minutes", metavar="N", help="Length of the training; the schedule fits it.")
    ] = 60,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted run with the same options.")
    ] = False,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="base|lite|FILE", help="Weights to start from, instead of random ones."),
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option("--teacher", metavar="FILE", help="Flow network that base-flow and lite-flow learn from."),
    ] = None,
    device: Device = "auto",
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the weights, samples and routes.")] = 0,
    show: Annotated[bool, typer.Option("--print", help="Print the recipe as JSON and train nothing.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Train a network with a recipe.

    The run starts from random or given weights, on a CPU, a GPU, or several GPUs with torchrun. The result is
    FOLDER/weights.safetensors. After an interruption, the same command with --resume continues.
    """
    console.set_up_logging(quiet=quiet, verbose=verbose or debug)
    if recipe not in RECIPES:
        raise UsageError(f"no recipe {recipe!r}", remedy=f"one of {', '.join(RECIPES)}")
    if not minutes > 0 or seed < 0:
        raise UsageError("--minutes must be above 0 and --seed not below")
    chosen = RECIPES[recipe](minutes, seed)
    if show:
        console.print_data(asdict(chosen))
        return 0
    if not data or out is None:
        raise UsageError("training needs --data and --out", remedy="or --print, to see the recipe")

    from vfi_cli.train.run.loop import TrainJob, run

    outcome = run(TrainJob(chosen, tuple(data), out, start, teacher, device, resume))
    if outcome.signal is None:
        return 0
    console.say(f"vfi: stopped at {outcome.progress:.0%}: the same command with --resume goes on")
    return 128 + outcome.signal
