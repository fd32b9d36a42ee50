"""A training run: prepares the data, then takes steps until the time is over."""

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
from vfi_cli.train.data.frame_cache import FrameCrops, frame_cache_bytes
from vfi_cli.train.data.pairs import motion_share
from vfi_cli.train.data.precomputed import PrecomputedCrops
from vfi_cli.train.data.read_data import read_windows
from vfi_cli.train.data.synthetic import Synthetic
from vfi_cli.train.data.windows import Window, hold_out, large_enough
from vfi_cli.train.learn.ranks import Ranks, device_of_rank, join_ranks
from vfi_cli.train.learn.step import Metrics, Mode
from vfi_cli.train.learn.teacher import load_teacher
from vfi_cli.train.learn.trainer import Trainer
from vfi_cli.train.recipes import Recipe
from vfi_cli.train.run.interrupt import Interrupt
from vfi_cli.train.run.report import Report, RunFolder, Saved
from vfi_cli.train.run.validation import validation_set


class Source(Protocol):
    """A source of batches."""

    def draw(self, count: int, rng: np.random.Generator, motion_share: float) -> Batch:
        """A batch of `count` samples, drawn from the share `motion_share` of all samples with the least motion."""


@dataclass(frozen=True)
class Samples:
    """The sources of a run: footage, and synthetic motion if the recipe uses it."""

    film: Source
    synthetic: Source | None


@dataclass(frozen=True)
class TrainJob:
    """What to train.

    Args:
        data: paths that `read_windows` can read.
        out: folder of the run.
        start: weights to start from; None starts from random weights.
        teacher: weights of a flow network, for the recipes that learn from a teacher.
        resume: continue the run in `out`; if there is none, start a new one.
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
    """How a run ended: its progress, 0 to 1, and the signal that stopped it early, or None."""

    progress: float
    signal: int | None


def run(job: TrainJob) -> Outcome:
    """Train. The folder of the run then holds weights, metrics, curves, image sheets and the state.

    Raises UsageError, InputError, OutputError or ModelError before the first step if the job cannot run. Raises
    ModelError later if the training diverges.
    """
    runtime = resolve(device_of_rank(job.device))
    saved = RunFolder(job.out).open(job.recipe, resume=job.resume)
    model = _initial_model(job)
    teacher = load_teacher(job.teacher) if job.teacher else None
    windows = large_enough([window for path in job.data for window in read_windows(path)], job.recipe.crop)
    with join_ranks(runtime.device) as ranks:
        # A separate function, because the wrapped step must be freed before the process group ends.
        return _train(
            job, Trainer(job.recipe, model, runtime, ranks, teacher), ranks, hold_out(windows), saved, teacher
        )


def _initial_model(job: TrainJob) -> Apr:
    """The network to start from. Raises UsageError if the given weights are of another network."""
    if job.start is None:
        torch.manual_seed(job.recipe.seed)
        return Apr(job.recipe.config)
    model = weights.load(job.start)
    if model.config != job.recipe.config:
        what = f"these are weights of another network than {job.recipe.config.name}"
        raise UsageError(what, path=job.start, remedy="start from weights of the recipe's network")
    return model


def _samples(
    recipe: Recipe, windows: Sequence[Window], device: torch.device, seed: int, teacher: FlowNet | None
) -> Samples:
    film: Source
    if recipe.config.flow == "features":
        film = PrecomputedCrops(
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
        max_bytes = frame_cache_bytes(device)
        film = FrameCrops(windows, size=recipe.crop, gaps=recipe.gaps, seed=seed, device=device, max_bytes=max_bytes)
    has_synthetic = recipe.synthetic_share > 0
    return Samples(film, Synthetic(windows, size=recipe.crop, seed=seed, device=device) if has_synthetic else None)


def _train(
    job: TrainJob,
    trainer: Trainer,
    ranks: Ranks,
    windows: tuple[list[Window], list[Window]],
    saved: Saved | None,
    teacher: FlowNet | None,
) -> Outcome:
    """Prepare the samples, then take steps until the time is over or a signal arrives."""
    training, held_out = windows
    seconds_before = 0.0
    if saved is not None:
        trainer.restore(saved.tensors, saved.about["step"])
        seconds_before = saved.about["seconds"]
    report = None
    if ranks.is_main:
        report = Report(RunFolder(job.out), trainer, validation_set(held_out, job.recipe, trainer.device), saved)
    samples = _samples(job.recipe, training, trainer.device, job.recipe.seed + ranks.rank, teacher)

    began = time.monotonic() - seconds_before
    with Interrupt() as interrupt:
        if report and trainer.step_number == 0:
            report.evaluate(0)
        while True:
            seconds = time.monotonic() - began
            progress, stop = ranks.synchronize(
                seconds / (60 * job.recipe.minutes), interrupt.signal is not None, trainer.device
            )
            if stop or progress >= 1:
                break
            measured = _step(trainer, ranks, samples, progress)
            if report:
                report.step(measured, seconds)
        if report:
            if progress >= 1:
                report.evaluate(seconds)
            report.save(seconds)
    return Outcome(min(1.0, progress), interrupt.signal)


def _step(trainer: Trainer, ranks: Ranks, samples: Samples, progress: float) -> Metrics:
    """Take one step.

    All random numbers depend only on the seed, the step number and the rank, so a resumed run draws the same ones.
    """
    recipe, number = trainer.recipe, trainer.step_number
    shared_rng = np.random.default_rng((recipe.seed, number))
    rank_rng = np.random.default_rng((recipe.seed, number, 1 + ranks.rank))
    torch.manual_seed(int(rank_rng.integers(2**62)))  # for sampling the routes
    source = samples.synthetic if samples.synthetic and shared_rng.random() < recipe.synthetic_share else samples.film
    draw = shared_rng.random()
    mode: Mode = "patches"
    if draw < recipe.whole_share + recipe.unrefined_share:
        mode = "whole" if draw < recipe.whole_share else "unrefined"
    elif draw >= 1 - recipe.routed_share:
        mode = "routed"
    batch = source.draw(recipe.batch, rank_rng, motion_share(progress, recipe.curriculum))
    batch = augment(batch, rank_rng, colour=recipe.colour)
    if shared_rng.random() >= recipe.searched_share:
        batch = batch._replace(searched=None)
    return trainer.step(batch, mode, progress)
