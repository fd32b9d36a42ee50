"""What a training step changes: weights, their running mean, and the optimiser."""

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
from vfi_cli.train.learn.step import Measured, Mode, make_step
from vfi_cli.train.recipes import Recipe

log = logging.getLogger(__name__)

FAST = ("gate.", "synthesis.head.")
PACE = 8.0
"""Learning rate of these parts over that of the rest. The gate is small and reads ready-made statistics; the head reads
small features, and what it makes of them are logits."""


COMPILE_MINUTES = 6
"""A shorter run on a GPU is not compiled: that takes about a minute for each mode of the step."""


def learning_rate(recipe: Recipe, step: int, progress: float) -> float:
    """Linear warm-up by steps, then a cosine over `progress` in [0, 1] (paper, section 4)."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1)))
    rate = recipe.final_rate + (recipe.learning_rate - recipe.final_rate) * cosine
    return rate * min(1, (step + 1) / recipe.warm_up_steps)


class Trainer:
    """Takes the steps of a recipe; `average` is what is kept of them."""

    def __init__(
        self, recipe: Recipe, model: Apr, runtime: Runtime, team: Ranks, teacher: FlowNet | None = None
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
        worth_it = self.device.type == "cuda" and recipe.minutes >= COMPILE_MINUTES
        self._compiled = Compiled(step, enabled=worth_it)
        self._step = team.share(self._compiled, self.device)

    def step(self, batch: Batch, mode: Mode, progress: float) -> Measured:
        """One update of all weights; returns what was measured, still on the device."""
        for group in self._optimiser.param_groups:
            group["lr"] = group["pace"] * learning_rate(self.recipe, self.step_number, progress)
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
        # A young mean forgets faster, so that it is not the untrained network.
        decay = min(self.recipe.average_decay, (1 + self.step_number) / (10 + self.step_number))
        with torch.no_grad():
            update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
            update(list(self.average.parameters()), list(self.model.parameters()), 0)
        self.step_number += 1
        return measured

    def _gradients(self, batch: Batch, mode: Mode) -> Measured:
        self._optimiser.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            loss, measured = self._step(batch, mode)
        loss.backward()
        return measured  # type: ignore[no-any-return]

    def state(self) -> dict[str, Tensor]:
        return state.pack_learning(self.model, self.average, self._optimiser)

    def restore(self, tensors: dict[str, Tensor], step_number: int) -> None:
        state.unpack_learning(tensors, self.model, self.average, self._optimiser)
        self.step_number = step_number


def _groups(model: Apr) -> list[dict[str, Any]]:
    parts = [(name.startswith(FAST), value) for name, value in model.named_parameters() if value.requires_grad]
    groups = [
        {"params": [value for is_fast, value in parts if is_fast == fast], "pace": PACE if fast else 1.0}
        for fast in (False, True)
    ]
    return [group for group in groups if group["params"]]


class Compiled(nn.Module):
    """A step that runs compiled while `enabled`."""

    def __init__(self, step: nn.Module, *, enabled: bool) -> None:
        super().__init__()
        self.step = step
        self.enabled = enabled
        self._fast = torch.compile(step.forward) if enabled else step.forward

    def forward(self, batch: Batch, mode: Mode) -> tuple[Tensor, Measured]:
        result: tuple[Tensor, Measured] = (self._fast if self.enabled else self.step.forward)(batch, mode)
        return result
