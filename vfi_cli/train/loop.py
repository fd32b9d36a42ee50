"""The training loop: one process, CPU or one GPU."""

from __future__ import annotations

import json
import logging
import math
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vfi_cli import weights
from vfi_cli.model.apr import Apr
from vfi_cli.model.router import sample_route
from vfi_cli.train.losses import patch_difference, psnr, reference_route, relative_error
from vfi_cli.train.packs import Window
from vfi_cli.train.recipes import Recipe
from vfi_cli.train.samples import AlignedCrops, Batch, map_batch

log = logging.getLogger(__name__)

LOG_SECONDS = 60

GATE_PACE = 8.0
"""Learning rate of the gate over that of the rest, see `_groups`."""


def learning_rate(recipe: Recipe, step: int, progress: float) -> float:
    """Linear warm-up by steps, then a cosine over `progress` in [0, 1] (paper, section 4)."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1)))
    rate = recipe.final_rate + (recipe.learning_rate - recipe.final_rate) * cosine
    return rate * min(1, (step + 1) / recipe.warm_up_steps)


def train(recipe: Recipe, windows: Sequence[Window], out: Path, start: Apr | None = None) -> Apr:
    """Train for `recipe.minutes` and write `out` (weights) and `out.jsonl` (metrics) once a minute.

    start: continue from these weights with a fresh optimiser. Returns the averaged model.
    """
    torch.manual_seed(recipe.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = (start or Apr(recipe.config)).train().requires_grad_(True)
    model = model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.average_decay))  # type: ignore[no-untyped-call]
    trained: Apr = averaged.module  # type: ignore[assignment]
    optimiser = torch.optim.AdamW(_groups(model), betas=(0.9, 0.999), weight_decay=recipe.weight_decay)
    samples = AlignedCrops(windows, size=recipe.crop, pairs=recipe.pairs, crops=recipe.crops_per_pair, seed=recipe.seed)
    log.info("prepared %d crops of %d pairs", recipe.pairs * recipe.crops_per_pair, recipe.pairs)
    dice = random.Random(recipe.seed)
    means = Means()
    began = logged = time.monotonic()
    for step, batch in enumerate(samples.batches(recipe.batch, recipe.seed)):
        progress = (time.monotonic() - began) / (60 * recipe.minutes)
        if progress >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = group["pace"] * learning_rate(recipe, step, progress)
        batch = map_batch(batch, lambda x: x.to(device, memory_format=torch.channels_last))
        with torch.autocast(device.type, torch.bfloat16):
            loss, measured = _step(model, batch, recipe, routed=dice.random() < recipe.routed_share)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        averaged.update_parameters(model)
        means.add(measured)
        if time.monotonic() - logged > LOG_SECONDS:
            record = {"step": step, "progress": progress, **means.take()}
            with out.with_suffix(".jsonl").open("a") as file:
                file.write(json.dumps(record) + "\n")
            log.info("%s", "  ".join(f"{name} {value:.4g}" for name, value in record.items()))
            weights.save(trained, out, recipe=asdict(recipe))
            logged = time.monotonic()
    weights.save(trained, out, recipe=asdict(recipe))
    return trained


def _groups(model: Apr) -> list[dict[str, Any]]:
    """The gate is small and reads ready-made statistics: it may learn faster than the rest."""
    gate = list(model.gate.parameters()) if model.gate is not None else []
    rest = [parameter for name, parameter in model.named_parameters() if not name.startswith("gate.")]
    return [{"params": rest, "pace": 1.0}, {"params": gate, "pace": GATE_PACE}]


class Means:
    """Running means of named measurements, and steps per second, since they were last taken."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = defaultdict(list)
        self._began = time.monotonic()
        self._steps = 0

    def add(self, measured: dict[str, Tensor]) -> None:
        for name, value in measured.items():
            self._values[name].append(value.item())
        self._steps += 1

    def take(self) -> dict[str, float]:
        means = {name: sum(values) / len(values) for name, values in self._values.items()}
        means["steps_per_second"] = self._steps / (time.monotonic() - self._began)
        self.__init__()  # type: ignore[misc]
        return means


def _step(model: Apr, batch: Batch, recipe: Recipe, *, routed: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of a batch, and what to report: PSNR in dB over that of the plain average of the warped frames."""
    contexts = model.context_of_warped(batch.aligned, batch.frame_0, batch.frame_1)
    patches = (recipe.crop // model.config.patch) ** 2
    if routed:
        route = sample_route(model.route_logits(batch.aligned, batch.flow))
    else:
        route = batch.t.new_ones(len(batch.t), patches, len(recipe.keep_ratios))
    packed = model.synthesis(contexts, route)
    output = model.blend(packed, batch.aligned, batch.frame_0, batch.frame_1, batch.t)
    loss = relative_error(output, batch.truth)
    with torch.no_grad():
        average = torch.lerp(batch.aligned.image_0, batch.aligned.image_1, batch.t)
        gain = psnr(output, batch.truth) - psnr(average, batch.truth)
    if not routed:
        return loss, {"static": loss, "static_gain": gain}
    reference = reference_route(patch_difference(batch.aligned, model.config.patch), recipe.keep_ratios)
    mismatch = (route - reference).abs().mean()
    return loss + recipe.route_weight * mismatch, {"routed": loss, "routed_gain": gain, "route": mismatch}
