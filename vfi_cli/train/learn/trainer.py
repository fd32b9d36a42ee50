"""`Trainer` takes training steps: it updates the weights, their running mean, and the optimiser."""

from __future__ import annotations

import copy
import logging
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from vfi_cli.engine.device import Runtime
from vfi_cli.model.apr import Apr
from vfi_cli.model.flow import FlowNet
from vfi_cli.train.data.batch import Batch, map_batch
from vfi_cli.train.learn import state
from vfi_cli.train.learn.ranks import Ranks
from vfi_cli.train.learn.step import Metrics, Mode, make_step
from vfi_cli.train.recipes import Recipe

log = logging.getLogger(__name__)

FAST_PARTS = ("gate.", "synthesis.head.")
FAST_RATE_FACTOR = 8.0
"""Learning rate of `FAST_PARTS`, as a multiple of the rate of the other parts.

The gate is small, and its inputs are statistics that are not learned. The inputs of the head have small values, and its
outputs are logits.
"""

COMPILE_MINUTES = 6
"""A shorter run on a GPU is not compiled, because compilation takes about a minute for each mode of the step."""


def learning_rate(recipe: Recipe, step: int, progress: float) -> float:
    """The learning rate: a linear warm-up over steps, times a cosine over `progress` in [0, 1] (paper, section 4)."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1)))
    rate = recipe.final_rate + (recipe.learning_rate - recipe.final_rate) * cosine
    return rate * min(1, (step + 1) / recipe.warm_up_steps)


class Trainer:
    """Takes the steps of a recipe. The result is `average`, a network with the running mean of the weights."""

    def __init__(
        self, recipe: Recipe, model: Apr, runtime: Runtime, ranks: Ranks, teacher: FlowNet | None = None
    ) -> None:
        self.recipe = recipe
        self.device = runtime.device
        self.half = runtime.dtype == torch.bfloat16
        for name, part in model.named_children():
            part.requires_grad_(name in recipe.trains)
        model = model.train().to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model = model
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        self.step_number = 0
        fused = self.device.type == "cuda"
        self._optimiser = torch.optim.AdamW(
            _groups(model), betas=(0.9, 0.999), weight_decay=recipe.weight_decay, fused=fused
        )
        step = make_step(model, recipe, teacher).to(self.device)
        compiled = self.device.type == "cuda" and recipe.minutes >= COMPILE_MINUTES
        self._compiled = CompiledStep(step, enabled=compiled)
        self._step = ranks.distribute(self._compiled, self.device)

    def step(self, batch: Batch, mode: Mode, progress: float) -> Metrics:
        """Update all trained weights once, and return the metrics of the step, still on the device.

        progress: share of the run that is over, 0 to 1.
        """
        for group in self._optimiser.param_groups:
            group["lr"] = group["rate_factor"] * learning_rate(self.recipe, self.step_number, progress)
        batch = map_batch(batch, lambda x: x.to(self.device, memory_format=torch.channels_last, non_blocking=True))
        try:
            measured = self._gradients(batch, mode)
        except RuntimeError as error:
            if not self._compiled.enabled or isinstance(error, torch.OutOfMemoryError):
                raise
            log.warning("the step cannot be compiled and runs slower: %s", str(error).partition("\n")[0])
            self._compiled.enabled = False
            measured = self._gradients(batch, mode)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimiser.step()
        # The decay is smaller at first, so that the mean soon forgets the untrained weights.
        decay = min(self.recipe.average_decay, (1 + self.step_number) / (10 + self.step_number))
        with torch.no_grad():
            update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
            update(list(self.average.parameters()), list(self.model.parameters()), 0)
        self.step_number += 1
        return measured

    def _gradients(self, batch: Batch, mode: Mode) -> Metrics:
        self._optimiser.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            loss, measured = self._step(batch, mode)
        loss.backward()
        return measured  # type: ignore[no-any-return]

    def state(self) -> dict[str, Tensor]:
        return state.collect_state(self.model, self.average, self._optimiser)

    def restore(self, tensors: dict[str, Tensor], step_number: int) -> None:
        state.restore_state(tensors, self.model, self.average, self._optimiser)
        self.step_number = step_number


def _groups(model: Apr) -> list[dict[str, Any]]:
    """The parameter groups of the optimiser, each with a factor for the learning rate."""
    parts = [(name.startswith(FAST_PARTS), value) for name, value in model.named_parameters() if value.requires_grad]
    groups = [
        {
            "params": [value for is_fast, value in parts if is_fast == of_fast],
            "rate_factor": FAST_RATE_FACTOR if of_fast else 1.0,
        }
        for of_fast in (False, True)
    ]
    return [group for group in groups if group["params"]]


class CompiledStep(nn.Module):
    """A step that uses its compiled version while `enabled` is true."""

    def __init__(self, step: nn.Module, *, enabled: bool) -> None:
        super().__init__()
        self.step = step
        self.enabled = enabled
        self._compiled_forward = torch.compile(step.forward) if enabled else step.forward

    def forward(self, batch: Batch, mode: Mode) -> tuple[Tensor, Metrics]:
        result: tuple[Tensor, Metrics] = (self._compiled_forward if self.enabled else self.step.forward)(batch, mode)
        return result
