"""Bi-directional flow from features (PWC-Net, CVPR 2018), which are extracted once per frame, for both of its pairs.

    frame --> encoder --> 1/4, 1/8     frame / 2 --> same encoder --> 1/16     frame / 4 --> 1/32 ...

    coarse to fine, with the same weights at every level and in both directions:
        flow and carried feature of the coarser level --> sample the other frame along the flow --> cost volume
            --> estimator --> flow and carried feature

The finest flow is at 1/8; `IntermediateFlow` refines it. B batch, H W full size.
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
"""Pixels of the frame per pixel of the finest flow."""

RADIUS = 4
"""Search radius of the cost volume, in pixels of its level."""

QUARTER, EIGHTH = 32, 48
"""Channels of the features at 1/4, and at 1/8 and below."""

WIDTHS = (96, 96, 80, 64)
"""Channels of the estimator. Its last feature is carried to the next finer level."""

LONGEST = (512, 1280, 2560, 5120)
"""In pixels. The pyramid has three levels, and one more for each of these lengths that the longer side exceeds."""

FLOW_SCALE = 1 / 8
"""Scales flow, in pixels of its level, to about the range of the features."""


def levels(height: int, width: int) -> int:
    """Levels of the pyramid for a frame of `height` x `width` pixels."""
    longest = max(height, width)
    return 3 + sum(longest > bound for bound in LONGEST)


def coarsest_stride(height: int, width: int) -> int:
    """Pixels of the frame per pixel of the coarsest level."""
    return STRIDE << (levels(height, width) - 1)


class FeatureFlow(nn.Module):
    """Features of two frames -> flow_01, flow_10 (B, 4, H / 8, W / 8) in pixels of that size."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleList((stage(3, 16, 1), stage(16, QUARTER, 3), stage(QUARTER, EIGHTH, 2)))
        carried = WIDTHS[-1]
        self.estimator = estimator(((2 * RADIUS + 1) ** 2 + EIGHTH + 2 + carried, *WIDTHS))
        self.to_flow = nn.Conv2d(carried, 2, 3, padding=1)

    def init_weights(self) -> None:
        """Initialise the output layer to zero, so that the untrained flow is zero."""
        nn.init.zeros_(self.to_flow.weight)
        assert self.to_flow.bias is not None
        nn.init.zeros_(self.to_flow.bias)

    def extract_features(self, frame: Tensor) -> list[Tensor]:
        """The luma and the features of a frame (B, 3, H, W) in [0, 1]; float32, finest first.

        Returns:
            Luma (B, 1, H / 2, W / 2); features (B, 32, H / 4, W / 4); then `levels` features (B, 48, H / 8, W / 8),
            (B, 48, H / 16, W / 16), ...
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
        """Features (see `extract_features`) -> flow_01, flow_10 (B, 4, H / 8, W / 8) in pixels of that size."""
        return self.flows(features_0, features_1)[-1]

    def flows(self, features_0: Sequence[Tensor], features_1: Sequence[Tensor]) -> list[Tensor]:
        """flow_01, flow_10 (B, 4, h, w) of every level, coarse to fine; each in pixels of its size h x w."""
        B = len(features_0[0])
        flow, carried = None, None
        flows = []
        for level_0, level_1 in zip(reversed(features_0[2:]), reversed(features_1[2:]), strict=True):
            flow, carried = self._level(torch.cat((level_0, level_1)), torch.cat((level_1, level_0)), flow, carried)
            flows.append(torch.cat((flow[:B], flow[B:]), 1))
        return flows

    def _level(self, own: Tensor, other: Tensor, flow: Tensor | None, carried: Tensor | None) -> tuple[Tensor, Tensor]:
        """One level, both directions stacked in the batch (N = 2 B).

        Args:
            own: features (N, 48, h, w) of the frame that the flow starts in.
            other: features (N, 48, h, w) of the frame that the flow leads to.
            flow: (N, 2, h / 2, w / 2) of the coarser level, in pixels of that size; None at the coarsest level.
            carried: feature (N, 64, h / 2, w / 2) of the coarser level, or None.

        Returns:
            The flow (N, 2, h, w) in pixels of that size, and the carried feature (N, 64, h, w); both float32.
        """
        N, _, h, w = own.shape
        if flow is None or carried is None:
            flow, carried = own.new_zeros(N, 2, h, w), own.new_zeros(N, WIDTHS[-1], h, w)
        else:
            flow, carried = 2 * resize(flow, 2), resize(carried, 2)
        volume = cost_volume(normalised(own), sample(normalised(other), flow), RADIUS)
        parts = [F.leaky_relu(volume, 0.1), own, FLOW_SCALE * flow, carried]
        x = torch.cat([part.contiguous(memory_format=torch.channels_last) for part in parts], 1)
        carried = self.estimator(x.to(next(self.estimator.parameters()).dtype)).float()
        device = "cpu" if carried.is_meta else carried.device.type  # autocast does not support "meta"
        with torch.autocast(device, enabled=False):  # half precision would round the flow itself
            return flow + self.to_flow(carried), carried


def normalised(feature: Tensor) -> Tensor:
    """Feature (N, C, h, w) minus its mean over the image, scaled per pixel to root mean square 1 over the channels.

    Without this, the estimator learns nothing from the cost volume: the common mean outweighs all differences.
    """
    centred = feature - feature.mean((2, 3), keepdim=True)
    return centred / (centred.square().mean(1, keepdim=True) + 1e-4).sqrt()
