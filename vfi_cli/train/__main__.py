"""`python -m vfi_cli.train lite --data PACK --out lite.safetensors --minutes 60`"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from vfi_cli import weights
from vfi_cli.train.loop import train
from vfi_cli.train.packs import read_pack
from vfi_cli.train.recipes import RECIPES


def main(
    name: Annotated[str, typer.Argument(metavar="RECIPE", help=f"One of {', '.join(RECIPES)}.")],
    data: Annotated[list[Path], typer.Option(help="Training pack: a folder with index.csv; repeatable.")],
    out: Annotated[Path, typer.Option(help="Weights to write (.safetensors).")],
    minutes: Annotated[float, typer.Option(help="How long to train; the schedule fits it.")] = 60,
    start: Annotated[str | None, typer.Option(help="Weights to continue from.")] = None,
    seed: Annotated[int, typer.Option(help="Of the samples and the routes.")] = 0,
) -> None:
    """Train by a recipe, from zero or from the weights given with --start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if name not in RECIPES:
        raise typer.BadParameter(f"unknown recipe {name!r}: one of {', '.join(RECIPES)}")
    windows = [window for pack in data for window in read_pack(pack)]
    train(RECIPES[name](minutes, seed), windows, out, weights.load(start) if start else None)


if __name__ == "__main__":
    typer.run(main)
