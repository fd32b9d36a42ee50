"""APR-VFI, wired (Chen et al., "Alignment-aware Patch-level Routing for Dynamic Video Frame Interpolation").

    frame 0, frame 1 --> flow --> warp images and context to t --> router --> refine blocks --> blend

`base` has the flow of the paper; `lite` has it from features that a frame has once and from a search, and corrects it
at t, see `feature_flow`, `flow_dis` and `intermediate`.

B batch, C channels, H W full size (multiples of `Apr.multiple`), P patches, d = 4 dynamic blocks. Images are RGB
in [0, 1]; t in (0, 1), 0 is frame 0.
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
from vfi_cli.model.intermediate import STRIDE, Corrected, IntermediateFlow, Start, better_start, precise, start_at
from vfi_cli.model.refine import SynthesisNet
from vfi_cli.model.router import Router
from vfi_cli.ops.compose import blend, context_input, fill_holes
from vfi_cli.ops.sample import sample_sharp
from vfi_cli.ops.splat import splat_by


class FrameFeatures(NamedTuple):
    """A frame and what every pair that it is part of can reuse."""

    image: Tensor  # (B, 3, H, W) float32
    flow: list[Tensor]  # see `FlowNet.describe` and `FeatureFlow.describe`
    features: list[Tensor]  # see `IntermediateFlow.describe`; empty where the flow is not corrected at t
    context: list[Tensor]  # per block (B, context, H, W), where the context is computed before the warp
    searched: list[Tensor]  # see `DisFlow.describe`; empty where no flow is searched for


class Aligned(NamedTuple):
    """Both frames at time t."""

    image_0: Tensor  # (B, 3, H, W) float32, holes filled
    image_1: Tensor
    weight_0: Tensor  # (B, 1, H, W) splat weight, 0 in holes
    weight_1: Tensor
    flow: Tensor  # (B, 4, H, W) that they went along: flow_t0, flow_t1 where it is corrected, else flow_01, flow_10
    logits: Tensor | None = None  # (B, 4, h, w) of the candidates of the blend, where the flow is corrected


Contexts = list[tuple[Tensor, Tensor]]
"""Per refine block, the warped context of both frames (B, context, h, w)."""


class Apr(nn.Module):
    """The network of a config; `forward` is the dense definition."""

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
        self._start_from_average()

    def _start_from_average(self) -> None:
        """Before training the network is the plain average of the warped frames, weighted by time."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.1)
        self.synthesis.start_small()
        if self.gate is not None:
            self.gate.start_from_average()
        if isinstance(self.flow, FeatureFlow) and self.intermediate is not None:
            self.flow.start_at_rest()
            self.intermediate.start_from_source()

    def convolutional(self) -> list[nn.Module]:
        """The parts that may run in half precision."""
        flow = [self.flow.encoder, self.flow.estimator]
        corrected = [] if self.intermediate is None else self.intermediate.convolutional()
        return [*flow, *corrected, self.context, self.router, self.synthesis]

    def multiple(self, height: int, width: int) -> int:
        """Frame sizes must be multiples of this: of the patch, and of the flow pyramid's coarsest grid."""
        if self.config.flow == "images":
            return math.lcm(self.config.patch, 4 * 2 ** (pyramid_levels(height, width) - 1))
        return math.lcm(self.config.patch, coarsest_stride(height, width))

    def forward(self, frame_0: Tensor, frame_1: Tensor, t: float, route: Tensor | None = None) -> Tensor:
        """Two frames (B, 3, H, W) -> the frame at t; `route` as in `SynthesisNet.forward`."""
        described_0, described_1 = self.describe(frame_0), self.describe(frame_1)
        flow = self.estimate_flow(described_0, described_1)
        aligned, contexts = self.warp(described_0, described_1, flow, t)
        packed = self.synthesis(contexts, route)
        return self.blend(packed, aligned, frame_0, frame_1, t)

    def blend(self, packed: Tensor, aligned: Aligned, frame_0: Tensor, frame_1: Tensor, t: float | Tensor) -> Tensor:
        """What the synthesis predicts, made a frame (eq. 2) -> (B, 3, H, W); see `ops.compose.blend`."""
        warped, frames = (aligned.image_0, aligned.image_1), (frame_0, frame_1)
        if self.gate is None:
            return blend(packed, warped, t)
        logits: Tensor = self.gate(warped, (aligned.weight_0, aligned.weight_1), frames)
        if aligned.logits is not None:
            logits = resize(logits, aligned.logits.shape[-1] / logits.shape[-1]) + aligned.logits
        return blend(packed, (*warped, *frames), t, logits)

    def describe(self, frame: Tensor, *, search: bool = True) -> FrameFeatures:
        """A frame (B, 3, H, W). search: whether its pairs get a searched flow, where the config has one."""
        context = self.context(frame) if self.config.context_on == "frames" else []
        features = [] if self.intermediate is None else self.intermediate.describe(frame)
        searched = self.search.describe(frame) if search and self.search is not None else []
        return FrameFeatures(frame, self.flow.describe(frame), features, context, searched)

    def estimate_flow(self, described_0: FrameFeatures, described_1: FrameFeatures) -> Tensor:
        """flow_01, flow_10: (B, 4, H, W) in pixels, where it is used as it is.

        Where it is corrected at t, (B, 4, H / 4, W / 4) in pixels of that size, or (B, 8, H / 4, W / 4): the learned
        flow and the searched one.
        """
        flow: Tensor = self.flow(described_0.flow, described_1.flow)
        if self.intermediate is None:
            return flow
        flow = 2 * resize(flow, 2)
        if self.search is None or not described_0.searched:
            return flow
        searched = F.avg_pool2d(self.search(described_0.searched, described_1.searched), STRIDE) / STRIDE
        return torch.cat((flow, searched.to(flow.device)), 1)

    def warp(
        self, described_0: FrameFeatures, described_1: FrameFeatures, flow: Tensor, t: float | Tensor
    ) -> tuple[Aligned, Contexts]:
        """Images and context at t (eq. 1): one time, or one per image (B, 1, 1, 1)."""
        if self.intermediate is not None:
            aligned = self.align(described_0, described_1, flow, t)
        elif self.config.context_on == "warped":
            aligned = align(described_0.image, described_1.image, flow, t)
        else:
            return self._warp_all(described_0, described_1, flow, t)
        return aligned, self.context_of_warped(aligned, described_0.image, described_1.image)

    def align(self, described_0: FrameFeatures, described_1: FrameFeatures, flow: Tensor, t: float | Tensor) -> Aligned:
        """Both frames read along the corrected flow: interpolated once, where a splat would blur."""
        return self.read(described_0, described_1, *self.flow_at(described_0, described_1, flow, t), t)

    def flow_at(
        self, described_0: FrameFeatures, described_1: FrameFeatures, flow: Tensor, t: float | Tensor
    ) -> tuple[Start, Corrected]:
        """The flow of a pair (see `estimate_flow`) at t, before and after its correction."""
        assert self.intermediate is not None
        luma_0, luma_1 = described_0.flow[0], described_1.flow[0]
        time = t if isinstance(t, Tensor) else flow.new_full((), t)  # a number would be compiled in
        learned, *searched = (start_at(part, t) for part in torch.split(flow, 4, 1))
        start = precise(learned, luma_0, luma_1, time)
        for other in searched:
            start = better_start(other, start, luma_0, luma_1)
        corrected: Corrected = self.intermediate(described_0.features, described_1.features, start, time)
        return start, corrected

    def read(
        self,
        described_0: FrameFeatures,
        described_1: FrameFeatures,
        start: Start,
        corrected: Corrected,
        t: float | Tensor,
    ) -> Aligned:
        """Both frames along the corrected flow of `flow_at`."""
        flow_t = STRIDE * resize(corrected.flow_t, STRIDE)
        weight_0, weight_1 = (weight.contiguous() for weight in torch.split(resize(start.weight, STRIDE), 1, 1))
        images = read_along(described_0.image, described_1.image, flow_t, (weight_0, weight_1), t)
        return Aligned(*images, weight_0, weight_1, flow_t, corrected.logits)

    def _warp_all(
        self, described_0: FrameFeatures, described_1: FrameFeatures, flow: Tensor, t: float | Tensor
    ) -> tuple[Aligned, Contexts]:
        """Images and context that was computed before."""
        # One splat moves image and context together.
        sizes = [3] + [self.config.context] * (1 + DYNAMIC_BLOCKS)
        stacked_0 = torch.cat((described_0.image, *described_0.context), 1)
        stacked_1 = torch.cat((described_1.image, *described_1.context), 1)
        splatted_0, weight_0 = splat_by(stacked_0, flow[:, :2], t)
        splatted_1, weight_1 = splat_by(stacked_1, flow[:, 2:], 1 - t)
        image_0, *context_0 = torch.split(splatted_0, sizes, 1)
        image_1, *context_1 = torch.split(splatted_1, sizes, 1)
        frames = (described_0.image, described_1.image)
        filled = fill_holes((image_0, image_1), (weight_0, weight_1), frames, t)
        dtype = self.context.dtype  # again: beside the image it travelled in float32
        contexts = [(left.to(dtype), right.to(dtype)) for left, right in zip(context_0, context_1, strict=True)]
        return Aligned(*filled, weight_0, weight_1, flow), contexts

    def context_of_warped(self, aligned: Aligned, frame_0: Tensor, frame_1: Tensor) -> Contexts:
        """Context of both warped frames, seen beside each other; see `ops.compose.context_input`."""
        warped, weights = (aligned.image_0, aligned.image_1), (aligned.weight_0, aligned.weight_1)
        B = len(frame_0)
        both = self.context(context_input(warped, weights, (frame_0, frame_1), self.context.dtype))
        return [(context[:B], context[B:]) for context in both]

    def route_logits(self, aligned: Aligned) -> Tensor:
        """(B, P, d, 2), see `Router`."""
        logits: Tensor = self.router(aligned.image_0, aligned.image_1, aligned.flow)
        return logits

    def move(self, image_0: Tensor, image_1: Tensor, aligned: Aligned, t: float) -> tuple[Tensor, Tensor]:
        """Two more images (B, 3, H, W) where the frames were moved to."""
        if self.intermediate is None:
            moved = align(image_0, image_1, aligned.flow, t)
            return moved.image_0, moved.image_1
        return read_along(image_0, image_1, aligned.flow, (aligned.weight_0, aligned.weight_1), t)


def read_along(
    image_0: Tensor, image_1: Tensor, flow: Tensor, weights: tuple[Tensor, Tensor], t: float | Tensor
) -> tuple[Tensor, Tensor]:
    """Both images (B, 3, H, W) read where flow_t0, flow_t1 (B, 4, H, W) point; holes are filled."""
    read = sample_sharp(image_0, flow[:, :2]), sample_sharp(image_1, flow[:, 2:])
    return fill_holes(read, weights, (image_0, image_1), t)


def align(frame_0: Tensor, frame_1: Tensor, flow: Tensor, t: float | Tensor) -> Aligned:
    """Forward-warp both frames (B, 3, H, W) along flow (B, 4, H, W) to t (eq. 1) and fill the holes."""
    image_0, weight_0 = splat_by(frame_0, flow[:, :2], t)
    image_1, weight_1 = splat_by(frame_1, flow[:, 2:], 1 - t)
    filled = fill_holes((image_0, image_1), (weight_0, weight_1), (frame_0, frame_1), t)
    return Aligned(*filled, weight_0, weight_1, flow)
