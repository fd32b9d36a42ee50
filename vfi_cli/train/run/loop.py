"""A training run: data, clock, and one step after another."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from vfi_cli import weights
from vfi_cli.engine.device import resolve
from vfi_cli.errors import UsageError
from vfi_cli.model.apr import Apr
from vfi_cli.model.flow import FlowNet
from vfi_cli.train.data.batch import Batch, augment
from vfi_cli.train.data.frame_cache import FrameCrops, room_for_frames
from vfi_cli.train.data.pairs import reach
from vfi_cli.train.data.precomputed import PreparedCrops
from vfi_cli.train.data.read_data import read_windows
from vfi_cli.train.data.synthetic import Synthetic
from vfi_cli.train.data.windows import Window, hold_out, large_enough
from vfi_cli.train.learn.ranks import Ranks, device_of_rank, join
from vfi_cli.train.learn.step import Measured, Mode
from vfi_cli.train.learn.teacher import load_teacher
from vfi_cli.train.learn.trainer import Trainer
from vfi_cli.train.recipes import Recipe
from vfi_cli.train.run.interrupt import Interrupt
from vfi_cli.train.run.report import Report, RunFolder, Saved
from vfi_cli.train.run.validation import validation_set


class Source(Protocol):
    """Where batches come from."""

    def draw(self, count: int, rng: np.random.Generator, reach: float) -> Batch:
        """`count` samples from the `reach` share of them that move least."""


@dataclass(frozen=True)
class Samples:
    """drawn: None where the recipe wants none."""

    filmed: Source
    drawn: Source | None


@dataclass(frozen=True)
class TrainJob:
    """data: what `read_windows` reads. out: folder of the run. start: weights to begin with.

    teacher: a flow network to learn from, for the recipes that do. resume: go on where a run in `out` ended; from the
    beginning, where none has begun.
    """

    recipe: Recipe
    data: tuple[Path, ...]
    out: Path
    start: str | None = None
    teacher: Path | None = None
    device: str = "auto"
    resume: bool = False


@dataclass(frozen=True)
class Outcome:
    """signal: what stopped the run before its time."""

    progress: float
    signal: int | None


def run(job: TrainJob) -> Outcome:
    """Train; the folder then holds weights, metrics, curves, picture sheets and the state to go on from.

    Raises UsageError, InputError, OutputError or ModelError before the first step for what cannot work, ModelError
    where the training diverges.
    """
    runtime = resolve(device_of_rank(job.device))
    saved = RunFolder(job.out).open(job.recipe, resume=job.resume)
    model = _first_model(job)
    teacher = load_teacher(job.teacher) if job.teacher else None
    windows = large_enough([window for path in job.data for window in read_windows(path)], job.recipe.crop)
    with join(runtime.device) as team:
        # In a function of its own: what the team shares must be gone before the team is.
        return _go(job, Trainer(job.recipe, model, runtime, team, teacher), team, hold_out(windows), saved, teacher)


def _first_model(job: TrainJob) -> Apr:
    if job.start is None:
        torch.manual_seed(job.recipe.seed)
        return Apr(job.recipe.config)
    model = weights.load(job.start)
    if model.config != job.recipe.config:
        what = f"weights of another network than {job.recipe.config.name}"
        raise UsageError(what, path=job.start, remedy="start from weights of the recipe's network")
    return model


def _samples(
    recipe: Recipe, windows: Sequence[Window], device: torch.device, seed: int, teacher: FlowNet | None
) -> Samples:
    filmed: Source
    if recipe.config.flow == "features":
        filmed = PreparedCrops(
            windows,
            size=recipe.crop,
            pairs=recipe.pairs,
            crops=recipe.crops_per_pair,
            gaps=recipe.gaps,
            seed=seed,
            device=device,
            teacher=teacher,
        )
    else:
        room = room_for_frames(device)
        filmed = FrameCrops(windows, size=recipe.crop, gaps=recipe.gaps, seed=seed, device=device, room=room)
    wanted = recipe.synthetic_share > 0
    return Samples(filmed, Synthetic(windows, size=recipe.crop, seed=seed, device=device) if wanted else None)


def _go(
    job: TrainJob,
    trainer: Trainer,
    team: Ranks,
    windows: tuple[list[Window], list[Window]],
    saved: Saved | None,
    teacher: FlowNet | None,
) -> Outcome:
    """Prepare the samples; then steps until the time is over or a signal comes."""
    training, held_out = windows
    earlier = 0.0
    if saved is not None:
        trainer.restore(saved.tensors, saved.about["step"])
        earlier = saved.about["seconds"]
    report = None
    if team.leads:
        report = Report(RunFolder(job.out), trainer, validation_set(held_out, job.recipe, trainer.device), saved)
    samples = _samples(job.recipe, training, trainer.device, job.recipe.seed + team.rank, teacher)

    began = time.monotonic() - earlier
    with Interrupt() as interrupt:
        if report and trainer.step_number == 0:
            report.evaluate(0)
        while True:
            seconds = time.monotonic() - began
            progress, stop = team.agree(
                seconds / (60 * job.recipe.minutes), interrupt.signal is not None, trainer.device
            )
            if stop or progress >= 1:
                break
            measured = _step(trainer, team, samples, progress)
            if report:
                report.step(measured, seconds)
        if report:
            if progress >= 1:
                report.evaluate(seconds)
            report.keep(seconds)
    return Outcome(min(1.0, progress), interrupt.signal)


def _step(trainer: Trainer, team: Ranks, samples: Samples, progress: float) -> Measured:
    """All that is random in a step follows from the seed and its number: a resumed run needs no other state."""
    recipe, number = trainer.recipe, trainer.step_number
    common = np.random.default_rng((recipe.seed, number))
    own = np.random.default_rng((recipe.seed, number, 1 + team.rank))
    torch.manual_seed(int(own.integers(2**62)))  # of the routes
    source = samples.drawn if samples.drawn and common.random() < recipe.synthetic_share else samples.filmed
    draw = common.random()
    mode: Mode = "patches"
    if draw < recipe.whole_share + recipe.unrefined_share:
        mode = "whole" if draw < recipe.whole_share else "unrefined"
    elif draw >= 1 - recipe.routed_share:
        mode = "routed"
    batch = source.draw(recipe.batch, own, reach(progress, recipe.curriculum))
    batch = augment(batch, own, colour=recipe.colour)
    if common.random() >= recipe.searched_share:
        batch = batch._replace(searched=None)
    return trainer.step(batch, mode, progress)
