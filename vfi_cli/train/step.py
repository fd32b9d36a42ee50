"""One training step as a module: a batch -> its loss, and what to report of it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from vfi_cli.model.apr import Aligned, Apr, Contexts
from vfi_cli.model.router import sample_route
from vfi_cli.train.batch import Batch
from vfi_cli.train.losses import census, charbonnier, patch_difference, psnr, reference_route, relative_error
from vfi_cli.train.recipes import Recipe

Mode = Literal["whole", "patches", "routed"]
"""How the synthesis runs: whole crops, patches with all blocks, or routed patches."""

Measured = dict[str, Tensor]


class SynthesisStep(nn.Module):
    """The stages of the paper: reconstruct the frame between, and route as the reference does (eq. 4)."""

    def __init__(self, model: Apr, recipe: Recipe) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe

    def forward(self, batch: Batch, mode: Mode) -> tuple[Tensor, Measured]:
        model, recipe = self.model, self.recipe
        aligned, contexts, flow = warped(model, batch)
        route = None
        if mode != "whole":
            route = every_patch(batch, model) if mode == "patches" else sample_route(model.route_logits(aligned, flow))
        packed = model.synthesis(contexts, route)
        output = model.blend(packed, aligned, batch.frame_0, batch.frame_1, batch.t)
        loss = self._reconstruction(output, batch.truth)
        with torch.no_grad():
            average = torch.lerp(aligned.image_0, aligned.image_1, batch.t)
            gain = psnr(output, batch.truth) - psnr(average, batch.truth)
        name = "routed" if mode == "routed" else "static"
        measured = {name: loss.detach(), f"{name}_gain": gain}
        if mode == "routed" and route is not None:
            reference = reference_route(patch_difference(aligned, model.config.patch), recipe.keep_ratios)
            mismatch = (route - reference).abs().mean()
            loss = loss + recipe.route_weight * mismatch
            measured["route"] = mismatch.detach()
        return loss, measured

    def _reconstruction(self, output: Tensor, truth: Tensor) -> Tensor:
        loss = (relative_error if self.recipe.reconstruction == "relative" else charbonnier)(output, truth)
        return loss + self.recipe.census_weight * census(output, truth) if self.recipe.census_weight else loss


def warped(model: Apr, batch: Batch) -> tuple[Aligned, Contexts, Tensor]:
    """What the synthesis works on; what was prepared is not computed again."""
    if batch.aligned is not None and batch.flow is not None:
        contexts = model.context_of_warped(batch.aligned, batch.frame_0, batch.frame_1)
        return batch.aligned, contexts, batch.flow
    described_0, described_1 = model.describe(batch.frame_0), model.describe(batch.frame_1)
    flow = model.estimate_flow(described_0, described_1)
    return *model.warp(described_0, described_1, flow, batch.t), flow


def every_patch(batch: Batch, model: Apr) -> Tensor:
    """The route (B, P, d) by which all patches pass all blocks."""
    height, width = batch.truth.shape[-2:]
    patches = (height // model.config.patch) * (width // model.config.patch)
    return batch.t.new_ones(len(batch.t), patches, len(model.synthesis.dynamic))
