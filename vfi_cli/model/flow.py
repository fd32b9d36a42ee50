"""Learned bi-directional flow: a recurrent pyramid with one set of weights for all levels (EBME, WACV 2023).

Flow (B, 4, ...) is flow_01 (dx, dy), flow_10 (dx, dy). flow_01 leads from a pixel of frame 0 to its place in frame 1.
A level of the pyramid has images of h x w pixels. Its flow is stored at (h / 4, w / 4), in pixels of the h x w image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfi_cli.grid import pyramid_levels
from vfi_cli.model.layers import estimator, stage
from vfi_cli.ops.correlation import cost_volume
from vfi_cli.ops.splat import average_splat

RADIUS = 4
"""Search radius of the cost volume, in pixels of its level."""

CARRIED = 64
"""Channels of the feature that is carried to the next finer level."""


def resize(x: Tensor, factor: float) -> Tensor:
    """Bilinear resize (B, C, H, W) -> (B, C, factor * H, factor * W); pixel centres are at half integers."""
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def pyramid(frame: Tensor, levels: int) -> list[Tensor]:
    """A frame (B, 3, H, W) at 1, 1/2, 1/4, ... of its size. Every level is resized from the full size, as in EBME."""
    return [frame, *(resize(frame, 0.5**level) for level in range(1, levels))]


class FlowNet(nn.Module):
    """Encoder 3 -> 24 (1/2) -> 48 (1/4) channels, cost volume, estimator of the flow at 1/4. 0.63 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(stage(3, 24, 3), stage(24, 48, 6))
        self.estimator = estimator(((2 * RADIUS + 1) ** 2 + 2 * 48 + CARRIED + 4, 160, 128, 112, 96, CARRIED))
        self.to_flow = nn.Conv2d(CARRIED, 4, 3, padding=1)

    def extract_features(self, frame: Tensor) -> list[Tensor]:
        """The image pyramid of a frame (B, 3, H, W), finest first. This network encodes it per pair, after the warp."""
        return pyramid(frame, pyramid_levels(*frame.shape[-2:]))

    def forward(self, pyramid_0: list[Tensor], pyramid_1: list[Tensor]) -> Tensor:
        """Pyramids of two frames (see `extract_features`) -> flow_01, flow_10 (B, 4, H, W) at full size."""
        return resize(self.flows(pyramid_0, pyramid_1)[-1], 4)

    def flows(self, pyramid_0: list[Tensor], pyramid_1: list[Tensor]) -> list[Tensor]:
        """flow_01, flow_10 of every level, coarse to fine: (B, 4, h / 4, w / 4), in pixels of the h x w image."""
        flow, carried = None, None
        flows = []
        for frame_0, frame_1 in zip(reversed(pyramid_0), reversed(pyramid_1), strict=True):
            flow, carried = self._level(frame_0, frame_1, flow, carried)
            flows.append(flow)
        return flows

    def _level(
        self, frame_0: Tensor, frame_1: Tensor, flow: Tensor | None, carried: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Flow and carried feature of one level.

        Args:
            frame_0, frame_1: images of the level (B, 3, H, W).
            flow: flow_01, flow_10 (B, 4, H / 8, W / 8) of the coarser level, in pixels of its images; None at the
                coarsest level.
            carried: feature (B, 64, H / 8, W / 8) of the coarser level, or None.

        Returns:
            flow_01, flow_10 (B, 4, H / 4, W / 4) in pixels of the H x W image; feature (B, 64, H / 4, W / 4).
        """
        B, _, H, W = frame_0.shape
        if flow is None or carried is None:
            flow = frame_0.new_zeros(B, 4, H // 4, W // 4)
            carried = frame_0.new_zeros(B, CARRIED, H // 4, W // 4)
        else:
            flow, carried = 2 * resize(flow, 2), resize(carried, 2)
            # Warp both frames half way along the coarser flow, so that the cost volume searches around it.
            half_way = 0.5 * resize(flow, 4)
            frame_0, _ = average_splat(frame_0, half_way[:, :2])
            frame_1, _ = average_splat(frame_1, half_way[:, 2:])
        dtype = next(self.estimator.parameters()).dtype
        feature_0, feature_1 = self.encoder(torch.cat((frame_0, frame_1)).to(dtype)).chunk(2)
        volume = F.leaky_relu(cost_volume(feature_0, feature_1, RADIUS), 0.1)
        x = torch.cat((volume.to(dtype), feature_0, feature_1, carried.to(dtype), flow.to(dtype)), 1)
        carried = self.estimator(x)
        carried = carried.float()
        device = "cpu" if carried.is_meta else carried.device.type  # autocast does not support "meta"
        with torch.autocast(device, enabled=False):  # half precision would round the flow itself
            return self.to_flow(carried), carried
