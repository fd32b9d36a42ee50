"""What a run leaves in its folder while it goes on, and says in the log."""

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
from vfi_cli.train.learn.step import Measured
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
"""At most, beside the first and the last one, and none within `EVALUATION_SECONDS` of another."""


@dataclass(frozen=True)
class Saved:
    """Where a run ended: `about` holds step, seconds, recipe and scores."""

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
        """The state to go on from, if there is one; makes the folder.

        Raises OutputError where a run would be overwritten, UsageError where it had another recipe; only the minutes
        may differ.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(error.strerror or str(error), path=self.path) from error
        if not self.state.is_file():
            return None
        if not resume:
            remedy = "go on with --resume, or name another folder"
            raise OutputError("holds a run already", path=self.path, remedy=remedy)
        saved = Saved(*load_state(self.state))
        theirs = saved.about["recipe"]
        ours = json.loads(json.dumps(asdict(replace(recipe, minutes=theirs["minutes"]))))
        if different := sorted(key for key in ours if ours[key] != theirs.get(key)):
            what = f"the run was started by another recipe: {', '.join(different)}"
            raise UsageError(what, path=self.path, remedy="resume it with the options it was started with")
        return saved


class Report:
    """Log lines, metrics, scores on what is held out, pictures, weights and the state to go on from."""

    def __init__(self, folder: RunFolder, trainer: Trainer, held_out: Sequence[Batch], saved: Saved | None) -> None:
        self._folder, self._trainer, self._held_out = folder, trainer, held_out
        self._records = Records(folder.metrics, saved.about["step"] if saved else None)
        self._scores: dict[str, float] = saved.about["scores"] if saved else {}
        self._means = Means()
        self._logged = self._kept = self._evaluated = time.monotonic()

    def step(self, measured: Measured, seconds: float) -> None:
        """After every step; `seconds` is how long the run has lasted."""
        self._means.add(measured)
        now = time.monotonic()
        if now - self._logged >= LOG_SECONDS:
            self._record(self._means.take(), seconds)
            self._logged = now
        if now - self._evaluated >= max(EVALUATION_SECONDS, 60 * self._trainer.recipe.minutes / EVALUATIONS):
            self.evaluate(seconds)
        if now - self._kept >= STATE_SECONDS:
            self.keep(seconds)

    def evaluate(self, seconds: float) -> None:
        """Score the running mean of the weights on what is held out; draw the sheet and the curves."""
        trainer = self._trainer
        scores, examples = validate(trainer.average, self._held_out, trainer.recipe, half=trainer.half)
        self._scores = {f"held_out_{name}": value for name, value in scores.items()}
        self._record(self._scores, seconds)
        images.write_sheet(self._folder.sheet(trainer.step_number), examples)
        images.write_curves(self._folder.curves, self._records.all)
        self._evaluated = time.monotonic()

    def keep(self, seconds: float) -> None:
        """Write the state and the weights; raises ModelError, and writes nothing, where they are numbers no more."""
        trainer, recipe = self._trainer, asdict(self._trainer.recipe)
        if not all(bool(value.isfinite().all()) for value in trainer.average.state_dict().values()):
            raise self._diverged("a weight")
        about = {"step": trainer.step_number, "seconds": seconds, "recipe": recipe, "scores": self._scores}
        save_state(self._folder.state, trainer.state(), about)
        weights.save(trainer.average, self._folder.weights, recipe=recipe, scores=self._scores)
        self._kept = time.monotonic()

    def _record(self, values: dict[str, float], seconds: float) -> None:
        """A line of metrics, and of log; raises ModelError where a value is no number any more."""
        step, whole = self._trainer.step_number, 60 * self._trainer.recipe.minutes
        if broken := [name for name, value in values.items() if not math.isfinite(value)]:
            raise self._diverged(broken[0])
        self._records.add({"step": step, "minutes": seconds / 60, **values})
        share, left = min(100, 100 * seconds / whole), timedelta(seconds=max(0, round(whole - seconds)))
        figures = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        log.info("%3.0f %%  eta %s  step %d  %s", share, left, step, figures)

    def _diverged(self, what: str) -> ModelError:
        remedy = "--resume goes on from the last state, --seed makes another run"
        return ModelError(f"training diverged: {what} is not finite at step {self._trainer.step_number}", remedy=remedy)
