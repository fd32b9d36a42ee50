"""One training step as a module: a batch -> its loss, and what to report of it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfi_cli.errors import UsageError
from vfi_cli.model.alignment import patch_difference
from vfi_cli.model.apr import Aligned, Apr, Contexts, FrameFeatures
from vfi_cli.model.feature_flow import FeatureFlow
from vfi_cli.model.flow import FlowNet, resize
from vfi_cli.model.router import sample_route
from vfi_cli.ops.sample import sample
from vfi_cli.train.data.batch import Batch
from vfi_cli.train.learn.losses import (
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

DOUBTFUL = 0.04
"""Error of a target, as a share of the range of the images, at which it counts 1 / e."""

AVERAGE_WEIGHT = 0.3
"""Of the plain average in the loss of an unrefined batch: it asks both frames to fit, where a blend is content with
one of them."""


class SynthesisStep(nn.Module):
    """The stages of the paper: reconstruct the frame between, and route as the reference does (eq. 4).

    Batches without synthesis teach the flow and the gate, see `MotionStep`.
    """

    def __init__(self, model: Apr, recipe: Recipe) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.motion = MotionStep(model, recipe) if model.intermediate is not None else None

    def forward(self, batch: Batch, mode: Mode) -> tuple[Tensor, Measured]:
        if mode == "unrefined":
            assert self.motion is not None
            measured_loss: tuple[Tensor, Measured] = self.motion(batch)
            return measured_loss
        net = self.model.synthesis
        aligned, contexts = warped(self.model, batch)
        route = None if mode == "whole" else every_patch(self.model, batch)
        if mode == "routed":
            route = sample_route(self.model.route_logits(aligned))
        features = net.features(contexts, route)

        def picture(features: list[Tensor]) -> Tensor:
            packed = net.fuse(features, *contexts[0][0].shape[-2:])
            output = self.model.blend(packed, aligned, batch.frame_0, batch.frame_1, batch.t)
            return where_known(output, aligned, batch, self.model)

        output = picture(features)
        loss = reconstruction(self.recipe, output, batch.truth)
        with torch.no_grad():
            average = where_known(mean(aligned, batch), aligned, batch, self.model)
            gain = psnr(output, batch.truth) - psnr(average, batch.truth)
        name = "routed" if mode == "routed" else "static"
        measured = {name: loss.detach(), f"{name}_gain": gain}
        if self.recipe.prefix_weight:
            loss = loss + self.recipe.prefix_weight * reconstruction(
                self.recipe, picture(prefix(features)), batch.truth
            )
        if mode == "routed" and route is not None:
            mismatch = self._mismatch(route, aligned)
            return loss + self.recipe.route_weight * mismatch, measured | {"route": mismatch.detach()}
        return loss, measured

    def _mismatch(self, route: Tensor, aligned: Aligned) -> Tensor:
        """How far the route is from its reference (eq. 4)."""
        difference = patch_difference(aligned, self.model.config.patch)
        return (route - reference_route(difference, self.recipe.keep_ratios)).abs().mean()


def reconstruction(recipe: Recipe, output: Tensor, truth: Tensor) -> Tensor:
    """The recipe's loss of a picture (B, 3, H, W)."""
    loss = (relative_error if recipe.reconstruction == "relative" else charbonnier)(output, truth)
    return loss + recipe.census_weight * census(output, truth) if recipe.census_weight else loss


def prefix(features: list[Tensor]) -> list[Tensor]:
    """The block features that there would be if a random number of the last blocks were skipped.

    A skipped block hands on what it was given.
    """
    count = len(features)
    ran = torch.randint(1, count, (), device=features[0].device)
    place = torch.arange(count, device=features[0].device)
    shares = (place < ran) + (count - ran) * (place == ran - 1)  # they are summed up, see `SynthesisNet.fuse`
    return [share * feature for share, feature in zip(shares.to(features[0].dtype), features, strict=True)]


class FlowStep(nn.Module):
    """Flow of every level of the pyramid, learned from the true one or, where that is unknown, from a teacher."""

    def __init__(self, model: Apr, teacher: FlowNet | None) -> None:
        super().__init__()
        assert isinstance(model.flow, FlowNet)
        self.flow = model.flow
        self.teacher = teacher

    def forward(self, batch: Batch, mode: Mode) -> tuple[Tensor, Measured]:
        pyramid_0, pyramid_1 = self.flow.extract_features(batch.frame_0), self.flow.extract_features(batch.frame_1)
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


class MotionStep(nn.Module):
    """Flow and gate, learned from targets and from the picture that they make without synthesis.

    A target is flow_t0, flow_t1 at the pixels of the frame at t. Where flow_t0 points, flow_01 must be
    flow_t1 - flow_t0. This is the only way in which the flow of the pair learns: the gradient through the splat is far
    larger than this direct one.
    """

    def __init__(self, model: Apr, recipe: Recipe) -> None:
        super().__init__()
        assert isinstance(model.flow, FeatureFlow)
        self.model, self.recipe = model, recipe

    def forward(self, batch: Batch) -> tuple[Tensor, Measured]:
        assert batch.target is not None and batch.error is not None
        model = self.model
        features_0, features_1 = (
            model.extract_features(frame, search=False) for frame in (batch.frame_0, batch.frame_1)
        )
        flows = model.flow.flows(features_0.flow_inputs, features_1.flow_inputs)
        flow = with_search(2 * resize(flows[-1].detach(), 2), batch)
        start, corrected = model.flow_at(features_0, features_1, flow, batch.t)
        # Beyond the crop there is nothing to compare; what fits badly is no good example.
        sure = within(batch.target) * torch.exp(-batch.error / DOUBTFUL)
        of_pair = [self._pair_error(flow, batch.target, sure) for flow in flows]
        before, coarse, after = (
            endpoint_error(flow, batch.target, sure) for flow in (start.flow_t, corrected.coarse, corrected.flow_t)
        )
        aligned = model.read(features_0, features_1, start, corrected, batch.t)
        of_picture, measured = self._of_picture(aligned, batch)
        measured |= {"target_error": after, "start_error": before, "pair_error": of_pair[-1]}
        loss = self.recipe.target_weight * (torch.stack(of_pair).sum() + coarse + after) + of_picture
        return loss, {name: value.detach() for name, value in measured.items()}

    def _of_picture(self, aligned: Aligned, batch: Batch) -> tuple[Tensor, Measured]:
        """What flow and gate make of the frames, and how well both frames fit when plainly averaged."""
        model, recipe = self.model, self.recipe
        height, width = (side // model.config.stride for side in batch.truth.shape[-2:])
        nothing = batch.truth.new_zeros(len(batch.t), model.synthesis.head.out_channels, height, width)
        output = model.blend(nothing, aligned, batch.frame_0, batch.frame_1, batch.t)
        output, average = (where_known(image, aligned, batch, model) for image in (output, mean(aligned, batch)))
        of_average = reconstruction(recipe, average, batch.truth)
        loss = reconstruction(recipe, output, batch.truth) + AVERAGE_WEIGHT * of_average
        gain = psnr(output.detach(), batch.truth) - psnr(average.detach(), batch.truth)
        return loss, {"average": of_average, "unrefined_gain": gain}

    def _pair_error(self, flow: Tensor, target: Tensor, sure: Tensor) -> Tensor:
        """Error of flow_01, flow_10 (B, 4, h, w) of a level, in its pixels, seen from the frame at t."""
        stride = target.shape[-1] // flow.shape[-1]
        flow_t = F.avg_pool2d(target, stride) / stride
        there = torch.cat([sample(flow[:, k : k + 2], flow_t[:, k : k + 2]) for k in (0, 2)], 1)
        whole = flow_t[:, 2:] - flow_t[:, :2]
        return endpoint_error(there, torch.cat((whole, -whole), 1), F.avg_pool2d(sure, stride).prod(1, keepdim=True))


def make_step(model: Apr, recipe: Recipe, teacher: FlowNet | None) -> SynthesisStep | FlowStep:
    """Raises UsageError where a recipe lacks the teacher that it needs, or has one that it does not use."""
    if recipe.trains == ("flow",):
        if teacher is None:
            raise UsageError("the recipe learns flow from a teacher", remedy="give its weights with --teacher FILE")
        return FlowStep(model, teacher)
    if teacher is not None and not recipe.unrefined_share:
        raise UsageError("the recipe learns from no teacher", remedy="leave out --teacher")
    return SynthesisStep(model, recipe)


def levels(flow: Tensor, count: int) -> list[Tensor]:
    """Flow (B, 4, H, W) -> what `FlowNet.flows` gives for it, coarse to fine; edges stay sharp."""
    strides = [4 * 2**level for level in reversed(range(count))]
    return [flow[:, :, stride // 2 :: stride, stride // 2 :: stride] * 4 / stride for stride in strides]


def warped(model: Apr, batch: Batch) -> tuple[Aligned, Contexts]:
    """What the synthesis works on."""
    return model.warp(*with_flow(model, batch), batch.t)


def with_flow(model: Apr, batch: Batch) -> tuple[FrameFeatures, FrameFeatures, Tensor]:
    """Both frames described, and their flow; what was searched for is not searched for again.

    A flow that is corrected at t gets no gradient from there, see `MotionStep`.
    """
    features_0, features_1 = (model.extract_features(frame, search=False) for frame in (batch.frame_0, batch.frame_1))
    flow = model.estimate_flow(features_0, features_1)
    return features_0, features_1, flow if model.intermediate is None else with_search(flow.detach(), batch)


def with_search(flow: Tensor, batch: Batch) -> Tensor:
    """The learned flow (B, 4, h, w), and the searched one of the batch, if there is one."""
    return flow if batch.searched is None else torch.cat((flow, batch.searched), 1)


def mean(aligned: Aligned, batch: Batch) -> Tensor:
    """The plain average of the warped frames, by nearness in time."""
    return torch.lerp(aligned.image_0, aligned.image_1, batch.t)


def where_known(output: Tensor, aligned: Aligned, batch: Batch, model: Apr) -> Tensor:
    """`output`, but for the pixels that are read from beyond the crop: they are as the truth, and no error."""
    if model.intermediate is None:
        return output
    return torch.where(within(aligned.flow).all(1, keepdim=True), output, batch.truth)


def within(flow_t: Tensor) -> Tensor:
    """Where flow_t0 and flow_t1 (B, 4, h, w), in their own pixels, point into the picture: (B, 2, h, w)."""
    height, width = flow_t.shape[-2:]
    columns = torch.arange(width, device=flow_t.device) + flow_t[:, 0::2]
    lines = torch.arange(height, device=flow_t.device)[:, None] + flow_t[:, 1::2]
    return (columns >= 0) & (columns <= width - 1) & (lines >= 0) & (lines <= height - 1)


def every_patch(model: Apr, batch: Batch) -> Tensor:
    """The route (B, P, d) by which all patches pass all blocks."""
    height, width = batch.truth.shape[-2:]
    patches = (height // model.config.patch) * (width // model.config.patch)
    return batch.t.new_ones(len(batch.t), patches, len(model.synthesis.dynamic))
