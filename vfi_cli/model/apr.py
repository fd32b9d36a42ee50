"""The APR-VFI network (Chen et al., "Alignment-aware Patch-level Routing for Dynamic Video Frame Interpolation").

    frame 0, frame 1 --> flow --> warp images and context to t --> router --> refine blocks --> blend

The flow of `base` is that of the paper (`flow`). `lite` estimates flow from features that are extracted once per frame
(`feature_flow`), adds the flow of OpenCV's DIS (`flow_dis`), and corrects the flow at t (`intermediate`).

Shapes: B batch, C channels, H W full size (multiples of `Apr.multiple`), P patches, d = 4 dynamic blocks. Images are
RGB in [0, 1]. t is in (0, 1); t = 0 is frame 0, t = 1 is frame 1.

flow_ab leads from a pixel of frame a to its position in frame b. A flow tensor holds two flows, each as (dx, dy):

                               base                  lite
    `Apr.estimate_flow`        flow_01, flow_10      flow_01, flow_10, learned; then the same from DIS
                               (B, 4, H, W)          (B, 4 or 8, H / 4, W / 4) in pixels of that size
    `flow_t` of `Apr.flow_at`  -                     flow_t0, flow_t1 (B, 4, H / 4, W / 4) in pixels of that size
    `Aligned.flow`             flow_01, flow_10      flow_t0, flow_t1
                               (B, 4, H, W)          (B, 4, H, W) in pixels
    warp                       splat (forward warp)  sampling (backward warp)
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfi_cli.grid import pyramid_levels
from vfi_cli.model.config import DYNAMIC_BLOCKS, AprConfig
from vfi_cli.model.context import ContextNet
from vfi_cli.model.feature_flow import FeatureFlow, coarsest_stride
from vfi_cli.model.flow import FlowNet, resize
from vfi_cli.model.flow_dis import DisFlow
from vfi_cli.model.gate import Gate
from vfi_cli.model.intermediate import (
    STRIDE,
    CorrectedFlow,
    InitialFlow,
    IntermediateFlow,
    add_residual_motion,
    init_flow_at,
    pick_better_flow,
)
from vfi_cli.model.refine import SynthesisNet
from vfi_cli.model.router import Router
from vfi_cli.ops.compose import blend, context_input, fill_holes
from vfi_cli.ops.sample import sample_sharp
from vfi_cli.ops.splat import splat_by


class FrameFeatures(NamedTuple):
    """A frame and its features. Both pairs that contain the frame use them."""

    image: Tensor  # (B, 3, H, W) float32 in [0, 1]
    flow_inputs: list[Tensor]  # see `FlowNet.extract_features` and `FeatureFlow.extract_features`
    correction_inputs: list[Tensor]  # see `IntermediateFlow.extract_features`; empty if the flow is not corrected
    context: list[Tensor]  # one (B, context, H, W) per refine block; empty if it is computed after the warp
    search_inputs: list[Tensor]  # see `DisFlow.extract_features`; empty without the flow of DIS


class Aligned(NamedTuple):
    """Both frames warped to time t.

    `flow` is the flow of the warp: flow_t0, flow_t1 if the network has an `IntermediateFlow` (`lite`), otherwise
    flow_01, flow_10 (`base`). It is also an input of the router.
    """

    image_0: Tensor  # (B, 3, H, W) float32, holes filled; in [0, 1], but `sample_sharp` may overshoot a little
    image_1: Tensor
    weight_0: Tensor  # (B, 1, H, W) splat weight, 0 or more; below `HOLE` in holes
    weight_1: Tensor
    flow: Tensor  # (B, 4, H, W) in pixels
    logits: Tensor | None = None  # (B, 4, H / 4, W / 4), added to those of the gate; None if the flow is not corrected


Contexts = list[tuple[Tensor, Tensor]]
"""Per refine block, the warped context of both frames (B, context, H / stride, W / stride)."""


class Apr(nn.Module):
    """The network of a config. `forward` is the dense reference that routed execution must equal."""

    def __init__(self, config: AprConfig) -> None:
        super().__init__()
        self.config = config
        self.flow = FlowNet() if config.flow == "images" else FeatureFlow()
        self.search = DisFlow() if config.search else None
        self.context = ContextNet(config)
        self.router = Router(config)
        self.synthesis = SynthesisNet(config)
        self.intermediate = IntermediateFlow() if config.flow == "features" else None
        self.gate = Gate() if config.candidates == 4 else None
        self._init_weights()

    def _init_weights(self) -> None:
        """Initialise the weights so that the untrained network returns the time-weighted mean of the warped frames."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.1)
        self.synthesis.init_weights()
        if self.gate is not None:
            self.gate.init_weights()
        if isinstance(self.flow, FeatureFlow) and self.intermediate is not None:
            self.flow.init_weights()
            self.intermediate.init_weights()

    def convolutional(self) -> list[nn.Module]:
        """The modules that may run in half precision."""
        flow = [self.flow.encoder, self.flow.estimator]
        corrected = [] if self.intermediate is None else self.intermediate.convolutional()
        return [*flow, *corrected, self.context, self.router, self.synthesis]

    def multiple(self, height: int, width: int) -> int:
        """The number that padded frame sizes are multiples of.

        It is a multiple of the patch and of the stride of the coarsest flow level.
        """
        if self.config.flow == "images":
            return math.lcm(self.config.patch, 4 * 2 ** (pyramid_levels(height, width) - 1))
        return math.lcm(self.config.patch, coarsest_stride(height, width))

    def forward(self, frame_0: Tensor, frame_1: Tensor, t: float, route: Tensor | None = None) -> Tensor:
        """Two frames (B, 3, H, W) -> the frame at t (B, 3, H, W), not clamped; `route`: see `SynthesisNet.forward`."""
        features_0, features_1 = self.extract_features(frame_0), self.extract_features(frame_1)
        flow = self.estimate_flow(features_0, features_1)
        aligned, contexts = self.warp(features_0, features_1, flow, t)
        packed = self.synthesis(contexts, route)
        return self.blend(packed, aligned, frame_0, frame_1, t)

    def blend(self, packed: Tensor, aligned: Aligned, frame_0: Tensor, frame_1: Tensor, t: float | Tensor) -> Tensor:
        """The frame at t (B, 3, H, W) from the prediction of the synthesis (eq. 2); see `ops.compose.blend`.

        frame_0, frame_1: the unwarped frames (B, 3, H, W), which are hypotheses too if the network has a gate.
        """
        warped, frames = (aligned.image_0, aligned.image_1), (frame_0, frame_1)
        if self.gate is None:
            return blend(packed, warped, t)
        logits: Tensor = self.gate(warped, (aligned.weight_0, aligned.weight_1), frames)
        if aligned.logits is not None:
            logits = resize(logits, aligned.logits.shape[-1] / logits.shape[-1]) + aligned.logits
        return blend(packed, (*warped, *frames), t, logits)

    def extract_features(self, frame: Tensor, *, search: bool = True) -> FrameFeatures:
        """The features of a frame (B, 3, H, W). With search=False, `estimate_flow` leaves out the flow of DIS."""
        context = self.context(frame) if self.config.context_on == "frames" else []
        features = [] if self.intermediate is None else self.intermediate.extract_features(frame)
        searched = self.search.extract_features(frame) if search and self.search is not None else []
        return FrameFeatures(frame, self.flow.extract_features(frame), features, context, searched)

    def estimate_flow(self, features_0: FrameFeatures, features_1: FrameFeatures) -> Tensor:
        """flow_01, flow_10 of a pair.

        Returns:
            `base`: (B, 4, H, W) in pixels. `lite`: (B, 4, H / 4, W / 4) in pixels of that size; with search
            (B, 8, H / 4, W / 4), the learned flow and then the flow of DIS.
        """
        flow: Tensor = self.flow(features_0.flow_inputs, features_1.flow_inputs)
        if self.intermediate is None:
            return flow
        flow = 2 * resize(flow, 2)
        if self.search is None or not features_0.search_inputs:
            return flow
        searched = F.avg_pool2d(self.search(features_0.search_inputs, features_1.search_inputs), STRIDE) / STRIDE
        return torch.cat((flow, searched.to(flow.device)), 1)

    def warp(
        self, features_0: FrameFeatures, features_1: FrameFeatures, flow: Tensor, t: float | Tensor
    ) -> tuple[Aligned, Contexts]:
        """Warp images and context to t (eq. 1).

        Args:
            flow: the flow of the pair, see `estimate_flow`.
            t: one time, or one per image (B, 1, 1, 1).
        """
        if self.intermediate is not None:
            aligned = self.align(features_0, features_1, flow, t)
        elif self.config.context_on == "warped":
            aligned = align(features_0.image, features_1.image, flow, t)
        else:
            return self._warp_all(features_0, features_1, flow, t)
        return aligned, self.context_of_warped(aligned, features_0.image, features_1.image)

    def align(self, features_0: FrameFeatures, features_1: FrameFeatures, flow: Tensor, t: float | Tensor) -> Aligned:
        """Sample both frames along the corrected flow at t; a splat would blur more. `flow`: see `estimate_flow`."""
        return self.read(features_0, features_1, *self.flow_at(features_0, features_1, flow, t), t)

    def flow_at(
        self, features_0: FrameFeatures, features_1: FrameFeatures, flow: Tensor, t: float | Tensor
    ) -> tuple[InitialFlow, CorrectedFlow]:
        """The flow of a pair at t, before and after the correction.

        Args:
            flow: the flow of the pair, (B, 4 or 8, H / 4, W / 4), see `estimate_flow`.
            t: one time, or one per image (B, 1, 1, 1).
        """
        assert self.intermediate is not None
        luma_0, luma_1 = features_0.flow_inputs[0], features_1.flow_inputs[0]
        time = t if isinstance(t, Tensor) else flow.new_full((), t)  # torch.compile would take a number as a constant
        learned, *searched = (init_flow_at(part, t) for part in torch.split(flow, 4, 1))
        initial = add_residual_motion(learned, luma_0, luma_1, time)
        for other in searched:
            initial = pick_better_flow(other, initial, luma_0, luma_1)
        corrected: CorrectedFlow = self.intermediate(
            features_0.correction_inputs, features_1.correction_inputs, initial, time
        )
        return initial, corrected

    def read(
        self,
        features_0: FrameFeatures,
        features_1: FrameFeatures,
        initial: InitialFlow,
        corrected: CorrectedFlow,
        t: float | Tensor,
    ) -> Aligned:
        """Sample both frames along the corrected flow of `flow_at`."""
        flow_t = STRIDE * resize(corrected.flow_t, STRIDE)
        weight_0, weight_1 = (weight.contiguous() for weight in torch.split(resize(initial.weight, STRIDE), 1, 1))
        images = sample_along(features_0.image, features_1.image, flow_t, (weight_0, weight_1), t)
        return Aligned(*images, weight_0, weight_1, flow_t, corrected.logits)

    def _warp_all(
        self, features_0: FrameFeatures, features_1: FrameFeatures, flow: Tensor, t: float | Tensor
    ) -> tuple[Aligned, Contexts]:
        """Warp images and context to t along flow_01, flow_10 (B, 4, H, W). The context is computed before the warp."""
        # One splat warps image and context together.
        sizes = [3] + [self.config.context] * (1 + DYNAMIC_BLOCKS)
        stacked_0 = torch.cat((features_0.image, *features_0.context), 1)
        stacked_1 = torch.cat((features_1.image, *features_1.context), 1)
        splatted_0, weight_0 = splat_by(stacked_0, flow[:, :2], t)
        splatted_1, weight_1 = splat_by(stacked_1, flow[:, 2:], 1 - t)
        image_0, *context_0 = torch.split(splatted_0, sizes, 1)
        image_1, *context_1 = torch.split(splatted_1, sizes, 1)
        frames = (features_0.image, features_1.image)
        filled = fill_holes((image_0, image_1), (weight_0, weight_1), frames, t)
        dtype = self.context.dtype  # back from float32, which the image needs
        contexts = [(left.to(dtype), right.to(dtype)) for left, right in zip(context_0, context_1, strict=True)]
        return Aligned(*filled, weight_0, weight_1, flow), contexts

    def context_of_warped(self, aligned: Aligned, frame_0: Tensor, frame_1: Tensor) -> Contexts:
        """Context of both warped frames, each with its difference to the other; see `ops.compose.context_input`."""
        warped, weights = (aligned.image_0, aligned.image_1), (aligned.weight_0, aligned.weight_1)
        B = len(frame_0)
        both = self.context(context_input(warped, weights, (frame_0, frame_1), self.context.dtype))
        return [(context[:B], context[B:]) for context in both]

    def route_logits(self, aligned: Aligned) -> Tensor:
        """Logits (B, P, d, 2) of `Router.forward`."""
        logits: Tensor = self.router(aligned.image_0, aligned.image_1, aligned.flow)
        return logits

    def warp_like(self, image_0: Tensor, image_1: Tensor, aligned: Aligned, t: float) -> tuple[Tensor, Tensor]:
        """Warp one more image per frame (B, 3, H, W) to t, as the frames of `aligned` were warped."""
        if self.intermediate is None:
            warped = align(image_0, image_1, aligned.flow, t)
            return warped.image_0, warped.image_1
        return sample_along(image_0, image_1, aligned.flow, (aligned.weight_0, aligned.weight_1), t)


def sample_along(
    image_0: Tensor, image_1: Tensor, flow: Tensor, weights: tuple[Tensor, Tensor], t: float | Tensor
) -> tuple[Tensor, Tensor]:
    """Sample both images (B, 3, H, W) where flow_t0, flow_t1 (B, 4, H, W) point, and fill the holes.

    weights: splat weights of both flows (B, 1, H, W); a pixel is a hole where they are below `HOLE`.
    """
    warped = sample_sharp(image_0, flow[:, :2]), sample_sharp(image_1, flow[:, 2:])
    return fill_holes(warped, weights, (image_0, image_1), t)


def align(frame_0: Tensor, frame_1: Tensor, flow: Tensor, t: float | Tensor) -> Aligned:
    """Forward-warp both frames (B, 3, H, W) along flow_01, flow_10 (B, 4, H, W) to t (eq. 1) and fill the holes."""
    image_0, weight_0 = splat_by(frame_0, flow[:, :2], t)
    image_1, weight_1 = splat_by(frame_1, flow[:, 2:], 1 - t)
    filled = fill_holes((image_0, image_1), (weight_0, weight_1), (frame_0, frame_1), t)
    return Aligned(*filled, weight_0, weight_1, flow)
