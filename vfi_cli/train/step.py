"""One training step as a module: a batch -> its loss, and what to report of it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfi_cli.errors import UsageError
from vfi_cli.model.alignment import patch_difference
from vfi_cli.model.apr import Aligned, Apr, Contexts, Described
from vfi_cli.model.flow import FlowNet
from vfi_cli.model.router import sample_route
from vfi_cli.train.batch import Batch
from vfi_cli.train.losses import (
    census,
    charbonnier,
    endpoint_error,
    psnr,
    reference_route,
    relative_error,
)
from vfi_cli.train.recipes import Recipe

Mode = Literal["whole", "patches", "routed", "unrefined"]
"""How the synthesis runs: whole crops, patches with all blocks, routed patches, or not at all."""

Measured = dict[str, Tensor]

AVERAGE_WEIGHT = 0.3
"""Of the plain average in the loss of an unrefined batch: it asks both frames to fit, where a blend is content with
one of them."""


class SynthesisStep(nn.Module):
    """The stages of the paper: reconstruct the frame between, and route as the reference does (eq. 4)."""

    def __init__(self, model: Apr, recipe: Recipe) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe

    def forward(self, batch: Batch, mode: Mode) -> tuple[Tensor, Measured]:
        if mode == "unrefined":
            return self._unrefined(batch)
        net = self.model.synthesis
        aligned, contexts = warped(self.model, batch)
        route = None if mode == "whole" else every_patch(self.model, batch)
        if mode == "routed":
            route = sample_route(self.model.route_logits(aligned))
        taken = route.detach() if route is not None and not self.recipe.straight_through else route
        features = net.features(contexts, taken)
        packed = net.fuse(features, *contexts[0][0].shape[-2:])
        output = self.model.blend(packed, aligned, batch.frame_0, batch.frame_1, batch.t)
        output, average = where_known(output, aligned, batch), where_known(mean(aligned, batch), aligned, batch)
        loss = self._reconstruction(output, batch.truth)
        with torch.no_grad():
            gain = psnr(output, batch.truth) - psnr(average, batch.truth)
        name = "routed" if mode == "routed" else "static"
        measured = {name: loss.detach(), f"{name}_gain": gain}
        if mode == "routed" and route is not None:
            mismatch = self._mismatch(route, aligned)
            return loss + self.recipe.route_weight * mismatch, measured | {"route": mismatch.detach()}
        return loss, measured

    def _unrefined(self, batch: Batch) -> tuple[Tensor, Measured]:
        """Flow and gate alone: what they make of the frames, and how well both frames fit when plainly averaged."""
        aligned = aligned_from(self.model, batch)
        stride = self.model.config.stride  # the gate speaks on the grid of the synthesis
        packed = F.pixel_unshuffle(batch.truth.new_zeros(len(batch.t), 4 + 3, *batch.truth.shape[-2:]), stride)
        output = self.model.blend(packed, aligned, batch.frame_0, batch.frame_1, batch.t)
        output, average = where_known(output, aligned, batch), where_known(mean(aligned, batch), aligned, batch)
        of_average = self._reconstruction(average, batch.truth)
        loss = self._reconstruction(output, batch.truth) + AVERAGE_WEIGHT * of_average
        gain = psnr(output.detach(), batch.truth) - psnr(average.detach(), batch.truth)
        return loss, {"average": of_average.detach(), "unrefined_gain": gain}

    def _reconstruction(self, output: Tensor, truth: Tensor) -> Tensor:
        loss = (relative_error if self.recipe.reconstruction == "relative" else charbonnier)(output, truth)
        return loss + self.recipe.census_weight * census(output, truth) if self.recipe.census_weight else loss

    def _mismatch(self, route: Tensor, aligned: Aligned) -> Tensor:
        """How far the route is from its reference (eq. 4)."""
        difference = patch_difference(aligned, self.model.config.patch)
        return (route - reference_route(difference, self.recipe.keep_ratios)).abs().mean()


class FlowStep(nn.Module):
    """Flow of every level of the pyramid, learned from the true one or, where that is unknown, from a teacher."""

    def __init__(self, model: Apr, teacher: FlowNet | None) -> None:
        super().__init__()
        assert isinstance(model.flow, FlowNet)
        self.flow = model.flow
        self.teacher = teacher

    def forward(self, batch: Batch, mode: Mode) -> tuple[Tensor, Measured]:
        pyramid_0, pyramid_1 = self.flow.describe(batch.frame_0), self.flow.describe(batch.frame_1)
        flows = self.flow.flows(pyramid_0, pyramid_1)
        if batch.flow is not None:
            targets = levels(batch.flow, len(flows))
        else:
            assert self.teacher is not None
            with torch.no_grad():
                targets = self.teacher.flows(pyramid_0, pyramid_1)
        errors = [endpoint_error(flow, target) for flow, target in zip(flows, targets, strict=True)]
        name = "teacher_error" if batch.flow is None else "synthetic_error"
        return torch.stack(errors).sum(), {name: errors[-1].detach()}


class IntermediateStep(nn.Module):
    """The correction of the flow at t, learned at both its levels from a teacher that was shown the true frame."""

    def __init__(self, model: Apr) -> None:
        super().__init__()
        assert model.intermediate is not None
        self.intermediate = model.intermediate

    def forward(self, batch: Batch, mode: Mode) -> tuple[Tensor, Measured]:
        assert batch.start is not None and batch.target is not None
        target = batch.target
        features = map(self.intermediate.describe, (batch.frame_0, batch.frame_1))
        corrected = self.intermediate(*features, batch.start, batch.t)
        # Beyond the crop there is nothing to compare.
        inside = within(target).float()
        levels = (batch.start.flow_t, corrected.coarse, corrected.flow_t)
        before, coarse, after = (endpoint_error(flow * inside, target * inside) for flow in levels)
        return coarse + after, {"teacher_error": after.detach(), "start_error": before.detach()}


def make_step(model: Apr, recipe: Recipe, teacher: FlowNet | None) -> SynthesisStep | FlowStep | IntermediateStep:
    """Raises UsageError where a recipe that learns flow from a teacher has none, or another one has."""
    if recipe.learns_from_teacher and teacher is None:
        raise UsageError("the recipe learns flow from a teacher", remedy="give its weights with --teacher FILE")
    if teacher is not None and not recipe.learns_from_teacher:
        raise UsageError("the recipe learns from no teacher", remedy="leave out --teacher")
    if recipe.trains == ("intermediate",):
        return IntermediateStep(model)
    return FlowStep(model, teacher) if recipe.trains == ("flow",) else SynthesisStep(model, recipe)


def levels(flow: Tensor, count: int) -> list[Tensor]:
    """Flow (B, 4, H, W) -> what `FlowNet.flows` gives for it, coarse to fine; edges stay sharp."""
    strides = [4 * 2**level for level in reversed(range(count))]
    return [flow[:, :, stride // 2 :: stride, stride // 2 :: stride] * 4 / stride for stride in strides]


def warped(model: Apr, batch: Batch) -> tuple[Aligned, Contexts]:
    """What the synthesis works on; what was prepared is not computed again."""
    if batch.start is not None:
        aligned = aligned_from(model, batch)
        return aligned, model.context_of_warped(aligned, batch.frame_0, batch.frame_1)
    described_0, described_1 = model.describe(batch.frame_0), model.describe(batch.frame_1)
    return model.warp(described_0, described_1, model.estimate_flow(described_0, described_1), batch.t)


def aligned_from(model: Apr, batch: Batch) -> Aligned:
    """The frames at t along the flow that was prepared, corrected."""
    assert model.intermediate is not None and batch.start is not None
    described = [Described(x, [], model.intermediate.describe(x), []) for x in (batch.frame_0, batch.frame_1)]
    return model.align(described[0], described[1], batch.start, batch.t)


def mean(aligned: Aligned, batch: Batch) -> Tensor:
    """The plain average of the warped frames, by nearness in time."""
    return torch.lerp(aligned.image_0, aligned.image_1, batch.t)


def where_known(output: Tensor, aligned: Aligned, batch: Batch) -> Tensor:
    """`output`, but for the pixels that are read from beyond the crop: they are as the truth, and no error."""
    if batch.start is None:
        return output
    return torch.where(within(aligned.flow), output, batch.truth)


def within(flow_t: Tensor) -> Tensor:
    """Where both ends of flow_t (B, 4, h, w), in its own pixels, lie in the picture: (B, 1, h, w)."""
    height, width = flow_t.shape[-2:]
    columns = torch.arange(width, device=flow_t.device) + flow_t[:, 0::2]
    lines = torch.arange(height, device=flow_t.device)[:, None] + flow_t[:, 1::2]
    inside = (columns >= 0) & (columns <= width - 1) & (lines >= 0) & (lines <= height - 1)
    return inside.all(1, keepdim=True)


def every_patch(model: Apr, batch: Batch) -> Tensor:
    """The route (B, P, d) by which all patches pass all blocks."""
    height, width = batch.truth.shape[-2:]
    patches = (height // model.config.patch) * (width // model.config.patch)
    return batch.t.new_ones(len(batch.t), patches, len(model.synthesis.dynamic))
