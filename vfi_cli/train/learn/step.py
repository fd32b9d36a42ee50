"""The training steps as modules: each takes a batch and returns its loss and metrics.

S is the side of a crop in pixels, B the number of crops, P the number of patches of a crop, d = 4 dynamic blocks.
"""

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
"""How the synthesis runs: on whole crops, on patches with all blocks, on routed patches, or not at all."""

Metrics = dict[str, Tensor]
"""Name -> scalar without gradient. Gains are in dB."""

CONFIDENCE_SCALE = 0.04
"""A target with this photometric error has the weight 1 / e in the loss. Images are in [0, 1]."""

AVERAGE_WEIGHT = 0.3
"""Weight of the average of the warped frames in the loss of an unrefined batch.

The average is good only if both warped frames fit. A blend is good if one of them fits.
"""


class SynthesisStep(nn.Module):
    """The stages of the paper: trains to reconstruct the true frame and to follow the reference route (eq. 4).

    Unrefined batches, which skip the synthesis, train the flow and the gate: see `MotionStep`.
    """

    def __init__(self, model: Apr, recipe: Recipe) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.motion = MotionStep(model, recipe) if model.intermediate is not None else None

    def forward(self, batch: Batch, mode: Mode) -> tuple[Tensor, Metrics]:
        """The loss, and the metrics `static` or `routed` (loss of the image), its `..._gain` and `route`."""
        if mode == "unrefined":
            assert self.motion is not None
            measured_loss: tuple[Tensor, Metrics] = self.motion(batch)
            return measured_loss
        net = self.model.synthesis
        aligned, contexts = warp_batch(self.model, batch)
        route = None if mode == "whole" else dense_route(self.model, batch)
        if mode == "routed":
            route = sample_route(self.model.route_logits(aligned))
        features = net.features(contexts, route)

        def synthesize(features: list[Tensor]) -> Tensor:
            packed = net.fuse(features, *contexts[0][0].shape[-2:])
            output = self.model.blend(packed, aligned, batch.frame_0, batch.frame_1, batch.t)
            return replace_outside_by_truth(output, aligned, batch, self.model)

        output = synthesize(features)
        loss = reconstruction(self.recipe, output, batch.truth)
        with torch.no_grad():
            average = replace_outside_by_truth(average_of_warped(aligned, batch), aligned, batch, self.model)
            gain = psnr(output, batch.truth) - psnr(average, batch.truth)
        name = "routed" if mode == "routed" else "static"
        measured = {name: loss.detach(), f"{name}_gain": gain}
        if self.recipe.prefix_weight:
            loss = loss + self.recipe.prefix_weight * reconstruction(
                self.recipe, synthesize(prefix(features)), batch.truth
            )
        if mode == "routed" and route is not None:
            route_error = self._route_error(route, aligned)
            return loss + self.recipe.route_weight * route_error, measured | {"route": route_error.detach()}
        return loss, measured

    def _route_error(self, route: Tensor, aligned: Aligned) -> Tensor:
        """Mean L1 distance of the route (B, P, d) to the reference route (eq. 4)."""
        difference = patch_difference(aligned, self.model.config.patch)
        return (route - reference_route(difference, self.recipe.keep_ratios)).abs().mean()


def reconstruction(recipe: Recipe, output: Tensor, truth: Tensor) -> Tensor:
    """The image loss of the recipe for images (B, 3, S, S) in [0, 1]; `output` is not clamped."""
    loss = (relative_error if recipe.reconstruction == "relative" else charbonnier)(output, truth)
    return loss + recipe.census_weight * census(output, truth) if recipe.census_weight else loss


def prefix(features: list[Tensor]) -> list[Tensor]:
    """The features of `SynthesisNet.features`, weighted as if a random number of the last blocks were skipped.

    A skipped block returns its input. `SynthesisNet.fuse` sums the features. Therefore, the feature of the last block
    that runs gets one more weight for each skipped block, and the features of skipped blocks get 0.
    """
    count = len(features)
    blocks_run = torch.randint(1, count, (), device=features[0].device)
    block = torch.arange(count, device=features[0].device)
    weights = (block < blocks_run) + (count - blocks_run) * (block == blocks_run - 1)
    return [weight * feature for weight, feature in zip(weights.to(features[0].dtype), features, strict=True)]


class FlowStep(nn.Module):
    """Trains the flow of every pyramid level on the true flow or, if that is unknown, on the flow of a teacher."""

    def __init__(self, model: Apr, teacher: FlowNet | None) -> None:
        super().__init__()
        assert isinstance(model.flow, FlowNet)
        self.flow = model.flow
        self.teacher = teacher

    def forward(self, batch: Batch, mode: Mode) -> tuple[Tensor, Metrics]:
        """The sum of the endpoint errors of all levels, and the error of the finest level in pixels; ignores `mode`."""
        pyramid_0, pyramid_1 = self.flow.extract_features(batch.frame_0), self.flow.extract_features(batch.frame_1)
        flows = self.flow.flows(pyramid_0, pyramid_1)
        if batch.flow is not None:
            targets = flow_pyramid(batch.flow, len(flows))
        else:
            assert self.teacher is not None
            with torch.no_grad():
                targets = self.teacher.flows(pyramid_0, pyramid_1)
        errors = [endpoint_error(flow, target) for flow, target in zip(flows, targets, strict=True)]
        name = "teacher_error" if batch.flow is None else "synthetic_error"
        return torch.stack(errors).sum(), {name: errors[-1].detach()}


class MotionStep(nn.Module):
    """Trains flow and gate on targets, and on the image that they give without synthesis.

    A target is flow_t0, flow_t1 at the pixels of the frame at t. It also gives the flow of the pair: flow_01 must equal
    flow_t1 - flow_t0 at the pixel that flow_t0 points to, and flow_10 must equal flow_t0 - flow_t1 at the pixel that
    flow_t1 points to. The flow of the pair gets only this direct gradient. The gradient through the splat is cut off,
    because it would be far larger.
    """

    def __init__(self, model: Apr, recipe: Recipe) -> None:
        super().__init__()
        assert isinstance(model.flow, FeatureFlow)
        self.model, self.recipe = model, recipe

    def forward(self, batch: Batch) -> tuple[Tensor, Metrics]:
        """The loss, and metrics. Those that end in `_error` are endpoint errors in pixels of their flow:

        target_error   flow at t after both corrections, in pixels of the quarter size
        start_error    flow at t before the correction, in the same unit
        pair_error     finest flow of the pair, in pixels of 1/8 size
        average        loss of the average of the warped frames
        unrefined_gain gain of the blend over that average, in dB
        """
        assert batch.target is not None and batch.error is not None
        model = self.model
        features_0, features_1 = (
            model.extract_features(frame, search=False) for frame in (batch.frame_0, batch.frame_1)
        )
        flows = model.flow.flows(features_0.flow_inputs, features_1.flow_inputs)
        flow = append_searched_flow(2 * resize(flows[-1].detach(), 2), batch)
        start, corrected = model.flow_at(features_0, features_1, flow, batch.t)
        # Pixels beyond the crop cannot be compared, and a target with a large photometric error is probably wrong.
        confidence = points_inside(batch.target) * torch.exp(-batch.error / CONFIDENCE_SCALE)
        pair_errors = [self._pair_error(flow, batch.target, confidence) for flow in flows]
        start_error, coarse_error, final_error = (
            endpoint_error(flow, batch.target, confidence)
            for flow in (start.flow_t, corrected.coarse, corrected.flow_t)
        )
        aligned = model.read(features_0, features_1, start, corrected, batch.t)
        image_loss, measured = self._image_loss(aligned, batch)
        measured |= {"target_error": final_error, "start_error": start_error, "pair_error": pair_errors[-1]}
        loss = self.recipe.target_weight * (torch.stack(pair_errors).sum() + coarse_error + final_error) + image_loss
        return loss, {name: value.detach() for name, value in measured.items()}

    def _image_loss(self, aligned: Aligned, batch: Batch) -> tuple[Tensor, Metrics]:
        """The loss of the image made by flow and gate, plus the weighted loss of the average of the warped frames.

        The metrics are `average` and `unrefined_gain`.
        """
        model, recipe = self.model, self.recipe
        height, width = (side // model.config.stride for side in batch.truth.shape[-2:])
        no_refinement = batch.truth.new_zeros(len(batch.t), model.synthesis.head.out_channels, height, width)
        output = model.blend(no_refinement, aligned, batch.frame_0, batch.frame_1, batch.t)
        output, average = (
            replace_outside_by_truth(image, aligned, batch, model)
            for image in (output, average_of_warped(aligned, batch))
        )
        average_loss = reconstruction(recipe, average, batch.truth)
        loss = reconstruction(recipe, output, batch.truth) + AVERAGE_WEIGHT * average_loss
        gain = psnr(output.detach(), batch.truth) - psnr(average.detach(), batch.truth)
        return loss, {"average": average_loss, "unrefined_gain": gain}

    def _pair_error(self, flow: Tensor, target: Tensor, confidence: Tensor) -> Tensor:
        """Endpoint error of the flow of the pair at a pyramid level, in pixels of that level.

        The flow is sampled where the pixels of the frame at t come from.

        Args:
            flow: flow_01, flow_10 (B, 4, h, w) in pixels of that size.
            target: flow_t0, flow_t1 (B, 4, S / 4, S / 4) in pixels of that size.
            confidence: weight of the target (B, 2, S / 4, S / 4), from 0 to 1.
        """
        stride = target.shape[-1] // flow.shape[-1]
        flow_t = F.avg_pool2d(target, stride) / stride
        flow_seen_at_t = torch.cat([sample(flow[:, k : k + 2], flow_t[:, k : k + 2]) for k in (0, 2)], 1)
        displacement = flow_t[:, 2:] - flow_t[:, :2]
        return endpoint_error(
            flow_seen_at_t,
            torch.cat((displacement, -displacement), 1),
            F.avg_pool2d(confidence, stride).prod(1, keepdim=True),
        )


def make_step(model: Apr, recipe: Recipe, teacher: FlowNet | None) -> SynthesisStep | FlowStep:
    """The step of a recipe. Raises UsageError if it needs a teacher and has none, or has one and does not use it."""
    if recipe.trains == ("flow",):
        if teacher is None:
            raise UsageError("this recipe needs a teacher", remedy="give its weights with --teacher FILE")
        return FlowStep(model, teacher)
    if teacher is not None and not recipe.unrefined_share:
        raise UsageError("this recipe uses no teacher", remedy="leave out --teacher")
    return SynthesisStep(model, recipe)


def flow_pyramid(flow: Tensor, count: int) -> list[Tensor]:
    """A flow (B, 4, S, S) in pixels -> the same flow at `count` levels, as `FlowNet.flows` returns it, coarse to fine.

    Pixels are picked, not averaged, so edges stay sharp.
    """
    strides = [4 * 2**level for level in reversed(range(count))]
    return [flow[:, :, stride // 2 :: stride, stride // 2 :: stride] * 4 / stride for stride in strides]


def warp_batch(model: Apr, batch: Batch) -> tuple[Aligned, Contexts]:
    """The input of the synthesis: frames and context, warped to the times of the batch."""
    return model.warp(*features_and_flow(model, batch), batch.t)


def features_and_flow(model: Apr, batch: Batch) -> tuple[FrameFeatures, FrameFeatures, Tensor]:
    """The features of both frames, and their flow. The DIS flow is taken from the batch, not computed again.

    If the flow is corrected at t, no gradient flows back from the correction to the flow of the pair: see `MotionStep`.
    """
    features_0, features_1 = (model.extract_features(frame, search=False) for frame in (batch.frame_0, batch.frame_1))
    flow = model.estimate_flow(features_0, features_1)
    return features_0, features_1, flow if model.intermediate is None else append_searched_flow(flow.detach(), batch)


def append_searched_flow(flow: Tensor, batch: Batch) -> Tensor:
    """The learned flow (B, 4, S / 4, S / 4), in pixels of that size, then the DIS flow of the batch if it has one.

    With the DIS flow, the result has 8 channels.
    """
    return flow if batch.searched is None else torch.cat((flow, batch.searched), 1)


def average_of_warped(aligned: Aligned, batch: Batch) -> Tensor:
    """The mean of the warped frames (B, 3, S, S), weighted by time."""
    return torch.lerp(aligned.image_0, aligned.image_1, batch.t)


def replace_outside_by_truth(output: Tensor, aligned: Aligned, batch: Batch, model: Apr) -> Tensor:
    """`output` (B, 3, S, S), with the truth at pixels that were sampled from outside the crop: they add no error."""
    if model.intermediate is None:
        return output
    return torch.where(points_inside(aligned.flow).all(1, keepdim=True), output, batch.truth)


def points_inside(flow_t: Tensor) -> Tensor:
    """Whether flow_t0 and flow_t1 (B, 4, h, w), in pixels of that size, point inside the image: bool (B, 2, h, w)."""
    height, width = flow_t.shape[-2:]
    columns = torch.arange(width, device=flow_t.device) + flow_t[:, 0::2]
    rows = torch.arange(height, device=flow_t.device)[:, None] + flow_t[:, 1::2]
    return (columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1)


def dense_route(model: Apr, batch: Batch) -> Tensor:
    """The route (B, P, d) of ones: all patches run all blocks."""
    height, width = batch.truth.shape[-2:]
    patches = (height // model.config.patch) * (width // model.config.patch)
    return batch.t.new_ones(len(batch.t), patches, len(model.synthesis.dynamic))
