"""Bi-directional flow from features that a frame has once, for both pairs it is part of (PWC-Net, CVPR 2018).

    frame --> encoder --> 1/4, 1/8     frame / 2 --> same encoder --> 1/16     frame / 4 --> 1/32 ...

    coarse to fine, same weights at every level and in both directions:
        flow, carried feature of the level above --> read the other frame there --> cost volume --> estimator --> flow

The finest flow is at 1/8; `IntermediateFlow` makes it finer. B batch, H W full size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfi_cli.model.flow import resize
from vfi_cli.model.flow_dis import LUMA
from vfi_cli.model.layers import estimator, stage
from vfi_cli.ops.correlation import cost_volume
from vfi_cli.ops.sample import sample

STRIDE = 8
"""Of the finest flow, in pixels of the frame."""

RADIUS = 4
QUARTER, EIGHTH = 32, 48
"""Channels of the features at 1/4, and at 1/8 and below."""

WIDTHS = (96, 96, 80, 64)
"""Channels of the estimator; the last ones are handed on to the next finer level."""

LONGEST = (512, 1280, 2560, 5120)
"""Pixels of the longer side: each one exceeded adds a level to three."""

FLOW_SCALE = 1 / 8
"""Brings flow, in pixels of its level, near the range of the features."""


def levels(height: int, width: int) -> int:
    """Levels of the pyramid for a frame of `height` x `width` pixels."""
    longest = max(height, width)
    return 3 + sum(longest > bound for bound in LONGEST)


def coarsest_stride(height: int, width: int) -> int:
    """Pixels of the frame per pixel of the coarsest level."""
    return STRIDE << (levels(height, width) - 1)


class FeatureFlow(nn.Module):
    """Frames -> flow_01, flow_10."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleList((stage(3, 16, 1), stage(16, QUARTER, 3), stage(QUARTER, EIGHTH, 2)))
        carried = WIDTHS[-1]
        self.estimator = estimator(((2 * RADIUS + 1) ** 2 + EIGHTH + 2 + carried, *WIDTHS))
        self.to_flow = nn.Conv2d(carried, 2, 3, padding=1)

    def start_at_rest(self) -> None:
        """Before training nothing moves."""
        nn.init.zeros_(self.to_flow.weight)
        assert self.to_flow.bias is not None
        nn.init.zeros_(self.to_flow.bias)

    def describe(self, frame: Tensor) -> list[Tensor]:
        """A frame (B, 3, H, W) in [0, 1] -> its luma and features, float32, finest first.

        Luma (B, 1, H / 2, W / 2); features (B, 32, H / 4, W / 4), then (B, 48, H / 8, W / 8) and as many coarser ones
        as `levels` asks for.
        """
        dtype = next(self.encoder.parameters()).dtype
        half, quarter, eighth = self.encoder
        red, green, blue = torch.split(frame, 1, 1)
        features = [F.avg_pool2d(LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue, 2)]
        image = frame - 0.5
        for level in range(levels(*frame.shape[-2:])):
            fine = quarter(half(image.to(dtype)))
            if level == 0:
                features.append(fine.float())
            features.append(eighth(fine).float())
            image = F.avg_pool2d(image, 2)
        return features

    def forward(self, features_0: Sequence[Tensor], features_1: Sequence[Tensor]) -> Tensor:
        """Features of both frames (see `describe`) -> flow (B, 4, H / 8, W / 8) in pixels of that size."""
        return self.flows(features_0, features_1)[-1]

    def flows(self, features_0: Sequence[Tensor], features_1: Sequence[Tensor]) -> list[Tensor]:
        """The flow (B, 4, h, w) of every level, coarse to fine, in pixels of that level."""
        B = len(features_0[0])
        flow, carried = None, None
        flows = []
        for of_0, of_1 in zip(reversed(features_0[2:]), reversed(features_1[2:]), strict=True):
            flow, carried = self._level(torch.cat((of_0, of_1)), torch.cat((of_1, of_0)), flow, carried)
            flows.append(torch.cat((flow[:B], flow[B:]), 1))
        return flows

    def _level(self, own: Tensor, other: Tensor, flow: Tensor | None, carried: Tensor | None) -> tuple[Tensor, Tensor]:
        """Features (N, 48, h, w) of a frame and of the other one -> flow (N, 2, h, w) between them, carried feature."""
        N, _, h, w = own.shape
        if flow is None or carried is None:
            flow, carried = own.new_zeros(N, 2, h, w), own.new_zeros(N, WIDTHS[-1], h, w)
        else:
            flow, carried = 2 * resize(flow, 2), resize(carried, 2)
        likeness = cost_volume(normalised(own), sample(normalised(other), flow), RADIUS)
        parts = [F.leaky_relu(likeness, 0.1), own, FLOW_SCALE * flow, carried]
        x = torch.cat([part.contiguous(memory_format=torch.channels_last) for part in parts], 1)
        carried = self.estimator(x.to(next(self.estimator.parameters()).dtype)).float()
        device = "cpu" if carried.is_meta else carried.device.type  # autocast does not know "meta"
        with torch.autocast(device, enabled=False):  # half precision would round the flow itself
            return flow + self.to_flow(carried), carried


def normalised(feature: Tensor) -> Tensor:
    """Feature (N, C, h, w) around its mean over the image, of root mean square 1 over the channels.

    Without it the estimator learns nothing from the cost volume: what all pixels have in common drowns the rest.
    """
    centred = feature - feature.mean((2, 3), keepdim=True)
    return centred / (centred.square().mean(1, keepdim=True) + 1e-4).sqrt()
