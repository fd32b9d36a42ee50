"""Runs a recipe for `.ci/gpu`: RECIPE FOLDER SECONDS PACK... With --rehearse: the smallest sizes, on the CPU."""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import replace
from pathlib import Path

from vfi_cli.train.recipes import RECIPES, Recipe
from vfi_cli.train.run.loop import TrainJob, run

OVERHEAD = {"base": 25, "lite": 60}
"""Seconds until the first step, not part of the minutes: imports, decoding and, for `lite`, precomputed crops."""

LITE_BATCH, LITE_PAIRS = 32, 1500
"""Crops per step: with the few crops of a CPU recipe, a GPU would spend its time on kernel launches.
Pairs: as many as 16 cores precompute in half a minute."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("packs", type=Path, nargs="+")
    parser.add_argument("--start")
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--rehearse", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    overhead = 0 if options.rehearse else OVERHEAD[options.recipe.partition("-")[0]]
    recipe = RECIPES[options.recipe](max(1.0, options.seconds - overhead) / 60)
    recipe = rehearsed(recipe) if options.rehearse else widened(recipe)
    device = "cpu" if options.rehearse else "cuda"
    job = TrainJob(recipe, tuple(options.packs), options.folder, options.start, options.teacher, device)
    return 0 if run(job).signal is None else 1


def widened(recipe: Recipe) -> Recipe:
    """The recipe for a GPU. The recipes of `lite` are for a CPU, so they get more crops per step and a higher rate."""
    if recipe.config.name != "lite":
        return recipe
    return replace(recipe, batch=LITE_BATCH, pairs=LITE_PAIRS, learning_rate=1.5 * recipe.learning_rate)


def rehearsed(recipe: Recipe) -> Recipe:
    """The recipe with the smallest sizes, to test that everything runs."""
    return replace(recipe, crop=recipe.config.patch, batch=1, pairs=4, crops_per_pair=1, warm_up_steps=1)


if __name__ == "__main__":
    sys.exit(main())
