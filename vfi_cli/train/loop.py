"""The training loop: one process, CPU or one GPU."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from vfi_cli import weights
from vfi_cli.model.apr import Apr
from vfi_cli.model.router import sample_route
from vfi_cli.ops.compose import blend
from vfi_cli.train.losses import charbonnier, patch_difference, reference_route
from vfi_cli.train.packs import Window
from vfi_cli.train.recipes import Recipe
from vfi_cli.train.samples import AlignedCrops, Batch, map_batch

log = logging.getLogger(__name__)

LOG_SECONDS = 60


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
    model = model.to(device, memory_format=torch.channels_last)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.average_decay))
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.999), weight_decay=recipe.weight_decay
    )
    samples = AlignedCrops(windows, size=recipe.crop, batch=recipe.batch, crops=recipe.crops_per_pair, seed=recipe.seed)
    loader = DataLoader(samples, batch_size=None, num_workers=1, prefetch_factor=8)
    began = logged = time.monotonic()
    sums: dict[str, float] = {}
    since = 0
    for step, batch in enumerate(loader):
        progress = (time.monotonic() - began) / (60 * recipe.minutes)
        if progress >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, step, progress)
        routed = progress >= recipe.routed_from and step % 2 == 1
        batch = map_batch(batch, lambda x: x.to(device, memory_format=torch.channels_last))
        with torch.autocast(device.type, torch.bfloat16):
            losses = _losses(model, batch, recipe, routed=routed)
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        averaged.update_parameters(model)
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0) + loss.item()
            sums[name + "_steps"] = sums.get(name + "_steps", 0) + 1
        since += 1
        if time.monotonic() - logged > LOG_SECONDS:
            means = {name: sums[name] / sums[name + "_steps"] for name in sums if not name.endswith("_steps")}
            speed = since * recipe.batch / (time.monotonic() - logged)
            record = {"step": step, "progress": progress, "crops_per_second": speed, **means}
            with out.with_suffix(".jsonl").open("a") as file:
                file.write(json.dumps(record) + "\n")
            shown = "  ".join(f"{name} {value:.5f}" for name, value in means.items())
            log.info("%5.1f %%  step %d  %.0f crops/s  %s", 100 * progress, step, speed, shown)
            weights.save(averaged.module, out, recipe=asdict(recipe))
            logged, sums, since = time.monotonic(), {}, 0
    weights.save(averaged.module, out, recipe=asdict(recipe))
    trained: Apr = averaged.module
    return trained


def _losses(model: Apr, batch: Batch, recipe: Recipe, *, routed: bool) -> dict[str, Tensor]:
    contexts = model.context_of_warped(batch.aligned, batch.frame_0, batch.frame_1)
    candidates = model.candidates(batch.aligned, batch.frame_0, batch.frame_1)
    B = batch.t.shape[0]
    patches = (recipe.crop // model.config.patch) ** 2
    if not routed:
        route = batch.t.new_ones(B, patches, len(recipe.keep_ratios))
        output = blend(model.synthesis(contexts, route), candidates, batch.t)
        return {"static": charbonnier(output, batch.truth)}
    route = sample_route(model.route_logits(batch.aligned, batch.flow))
    output = blend(model.synthesis(contexts, route), candidates, batch.t)
    reference = reference_route(patch_difference(batch.aligned, model.config.patch), recipe.keep_ratios)
    return {
        "routed": charbonnier(output, batch.truth),
        "route": recipe.route_weight * (route - reference).abs().mean(),
    }
