"""`python -m vfi_cli.train --data PACK --out lite.safetensors --minutes 60`"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from vfi_cli import weights
from vfi_cli.train import recipes
from vfi_cli.train.loop import train
from vfi_cli.train.packs import read_pack


def main(
    data: Annotated[list[Path], typer.Option(help="Training pack: a folder with index.csv; repeatable.")],
    out: Annotated[Path, typer.Option(help="Weights to write (.safetensors).")],
    minutes: Annotated[float, typer.Option(help="How long to train; the schedule fits it.")] = 60,
    start: Annotated[str | None, typer.Option(help="Weights to continue from.")] = None,
) -> None:
    """Train `lite` from zero, or from the weights given with --start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    windows = [window for pack in data for window in read_pack(pack)]
    recipe = recipes.lite(minutes)
    train(recipe, windows, out, weights.load(start) if start else None)


if __name__ == "__main__":
    typer.run(main)
