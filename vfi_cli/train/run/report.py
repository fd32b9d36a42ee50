"""`Report` writes the files and the log of a run during the run."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from torch import Tensor

from vfi_cli import weights
from vfi_cli.errors import ModelError, OutputError, UsageError
from vfi_cli.train.data.batch import Batch
from vfi_cli.train.learn.state import load_state, save_state
from vfi_cli.train.learn.step import Metrics
from vfi_cli.train.learn.trainer import Trainer
from vfi_cli.train.recipes import Recipe
from vfi_cli.train.run import images
from vfi_cli.train.run.metrics import Means, Records
from vfi_cli.train.run.validation import validate

log = logging.getLogger(__name__)

LOG_SECONDS = 20.0
STATE_SECONDS = 30.0
EVALUATION_SECONDS = 60.0
EVALUATIONS = 20
"""Largest number of evaluations besides the first and the last one; they are `EVALUATION_SECONDS` apart or more."""


@dataclass(frozen=True)
class Saved:
    """The saved state of a run: its tensors, and `about` with step, seconds, recipe and scores."""

    tensors: dict[str, Tensor]
    about: dict[str, Any]


@dataclass(frozen=True)
class RunFolder:
    """The files of a run."""

    path: Path

    @property
    def state(self) -> Path:
        return self.path / "state.safetensors"

    @property
    def weights(self) -> Path:
        return self.path / "weights.safetensors"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def curves(self) -> Path:
        return self.path / "curves.png"

    def sheet(self, step: int) -> Path:
        return self.path / f"sheet-{step:07d}.png"

    def open(self, recipe: Recipe, *, resume: bool) -> Saved | None:
        """Create the folder, and return the saved state of the run in it, or None if there is no run.

        Raises:
            OutputError: the folder cannot be created, or holds a run and `resume` is false.
            UsageError: the run has another recipe; only the minutes may differ.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(error.strerror or str(error), path=self.path) from error
        if not self.state.is_file():
            return None
        if not resume:
            remedy = "continue it with --resume, or train into another folder"
            raise OutputError("already holds a run", path=self.path, remedy=remedy)
        saved = Saved(*load_state(self.state))
        saved_recipe = saved.about["recipe"]
        this_recipe = json.loads(json.dumps(asdict(replace(recipe, minutes=saved_recipe["minutes"]))))
        if different := sorted(key for key in this_recipe if this_recipe[key] != saved_recipe.get(key)):
            what = f"the run was started with another recipe, which differs in {', '.join(different)}"
            raise UsageError(what, path=self.path, remedy="resume it with the options it was started with")
        return saved


class Report:
    """Writes log lines, metrics, scores on the held-out windows, images, weights and the state of a run."""

    def __init__(self, folder: RunFolder, trainer: Trainer, held_out: Sequence[Batch], saved: Saved | None) -> None:
        self._folder, self._trainer, self._held_out = folder, trainer, held_out
        self._records = Records(folder.metrics, saved.about["step"] if saved else None)
        self._scores: dict[str, float] = saved.about["scores"] if saved else {}
        self._means = Means()
        self._logged_at = self._saved_at = self._evaluated_at = time.monotonic()

    def step(self, measured: Metrics, seconds: float) -> None:
        """Call after every step; `seconds` is the duration of the run so far."""
        self._means.add(measured)
        now = time.monotonic()
        if now - self._logged_at >= LOG_SECONDS:
            self._record(self._means.take(), seconds)
            self._logged_at = now
        if now - self._evaluated_at >= max(EVALUATION_SECONDS, 60 * self._trainer.recipe.minutes / EVALUATIONS):
            self.evaluate(seconds)
        if now - self._saved_at >= STATE_SECONDS:
            self.save(seconds)

    def evaluate(self, seconds: float) -> None:
        """Score the running mean of the weights on the held-out windows, and write the sheet and the curves."""
        trainer = self._trainer
        scores, examples = validate(trainer.average, self._held_out, trainer.recipe, half=trainer.half)
        self._scores = {f"held_out_{name}": value for name, value in scores.items()}
        self._record(self._scores, seconds)
        images.write_sheet(self._folder.sheet(trainer.step_number), examples)
        images.write_curves(self._folder.curves, self._records.all)
        self._evaluated_at = time.monotonic()

    def save(self, seconds: float) -> None:
        """Write the state and the weights. If a weight is not finite, write nothing and raise ModelError."""
        trainer, recipe = self._trainer, asdict(self._trainer.recipe)
        if not all(bool(value.isfinite().all()) for value in trainer.average.state_dict().values()):
            raise self._diverged("a weight")
        about = {"step": trainer.step_number, "seconds": seconds, "recipe": recipe, "scores": self._scores}
        save_state(self._folder.state, trainer.state(), about)
        weights.save(trainer.average, self._folder.weights, recipe=recipe, scores=self._scores)
        self._saved_at = time.monotonic()

    def _record(self, values: dict[str, float], seconds: float) -> None:
        """Write a line to the metrics and to the log. Raises ModelError if a value is not finite."""
        step, whole = self._trainer.step_number, 60 * self._trainer.recipe.minutes
        if not_finite := [name for name, value in values.items() if not math.isfinite(value)]:
            raise self._diverged(not_finite[0])
        self._records.add({"step": step, "minutes": seconds / 60, **values})
        share, left = min(100, 100 * seconds / whole), timedelta(seconds=max(0, round(whole - seconds)))
        figures = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        log.info("%3.0f %%  eta %s  step %d  %s", share, left, step, figures)

    def _diverged(self, what: str) -> ModelError:
        remedy = "continue from the last saved state with --resume, or start a new run with another --seed"
        return ModelError(f"training diverged: {what} is not finite at step {self._trainer.step_number}", remedy=remedy)
