"""Intermediate flow: from each pixel of the frame at t to its position in both frames.

    flow_01, flow_10 --> forward warp to t --> at 1/8: sample features along it, cost volume --> correction
                                               at 1/4: sample features along it, cost volume --> correction

The input comes from the learned flow or from DIS. The corrections follow RIFE (Huang et al., ECCV 2022). B batch, H W
full size, h w quarter size. `flow_t` is flow_t0 (dx, dy), flow_t1 (dx, dy), in pixels of the quarter size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfi_cli.model.feature_flow import EIGHTH, QUARTER
from vfi_cli.model.flow import resize
from vfi_cli.model.layers import estimator, stage
from vfi_cli.ops.compose import HOLE
from vfi_cli.ops.correlation import cost_volume
from vfi_cli.ops.lucas_kanade import averaged_around, residual_motion
from vfi_cli.ops.sample import sample
from vfi_cli.ops.splat import splat_by

STRIDE = 4
"""Pixels of the frame per pixel of the corrected flow."""

MAX_CONSISTENCY_ERROR = 6
"""Upper limit of the forward-backward consistency error, in pixels of the quarter size."""

TINY = 1e-6
"""Smallest divisor of a weighted flow, far below the smallest confidence, exp(-6). It applies where no pixel lands."""

FLOW_SCALE = 1 / 8
"""Scales flow, in pixels of its level, to about the range of the features."""


class InitialFlow(NamedTuple):
    """The estimated flow of a pair, warped to time t."""

    flow_t: Tensor  # (B, 4, h, w) float32, in pixels of the quarter size
    weight: Tensor  # (B, 2, h, w) splat weights of flow_t0 and flow_t1, from 0 to 1; below `HOLE` in holes


class CorrectedFlow(NamedTuple):
    """The flow at t after the correction, and the other outputs of the correction."""

    flow_t: Tensor  # (B, 4, h, w) float32, in pixels of the quarter size
    coarse: Tensor  # (B, 4, h, w), flow_t after the correction at 1/8 only, in the same unit
    logits: Tensor  # (B, 4, h, w) of the hypotheses that are blended, see `Gate`


def init_flow_at(quarter: Tensor, t: float | Tensor) -> InitialFlow:
    """flow_t0, flow_t1 from flow_01, flow_10: each flow is forward-warped along itself to t, and scaled.

    Where several pixels land, they are weighted by their forward-backward consistency. SoftSplat (Niklaus and Liu, CVPR
    2020) also weights them, by another measure. A hole of one flow is filled with the other flow, reversed.

    Args:
        quarter: flow_01, flow_10 (B, 4, h, w) of quarter size, in pixels of that size.
        t: one time, or one per image (B, 1, 1, 1).
    """
    flow_01, flow_10 = (part.contiguous(memory_format=torch.channels_last) for part in torch.split(quarter, 2, 1))
    warped_01, weight_0 = _warp_along_itself(flow_01, flow_10, t)
    warped_10, weight_1 = _warp_along_itself(flow_10, flow_01, 1 - t)
    hole_0, hole_1 = weight_0 < HOLE, weight_1 < HOLE
    flow_t0 = torch.where(hole_0, t * warped_10, -t * warped_01)
    flow_t1 = torch.where(hole_1, (1 - t) * warped_01, -(1 - t) * warped_10)
    return InitialFlow(torch.cat((flow_t0, flow_t1), 1), torch.cat((weight_0, weight_1), 1).clamp(max=1))


def add_residual_motion(initial: InitialFlow, luma_0: Tensor, luma_1: Tensor, t: Tensor) -> InitialFlow:
    """Add the motion that remains between the frames warped along `initial`; see `ops.lucas_kanade.residual_motion`.

    Args:
        luma_0, luma_1: luma of both frames (B, 1, H / 2, W / 2) in [0, 1].
        t: one time (), or one per image (B, 1, 1, 1).
    """
    return initial._replace(flow_t=initial.flow_t + residual_motion(luma_0, luma_1, initial.flow_t, t))


def pick_better_flow(one: InitialFlow, other: InitialFlow, luma_0: Tensor, luma_1: Tensor) -> InitialFlow:
    """Per pixel, `other` where the frames warped along it agree clearly better, otherwise `one`.

    luma_0, luma_1: luma of both frames (B, 1, H / 2, W / 2) in [0, 1].
    """
    error, other_error = (_photometric_error(initial.flow_t, luma_0, luma_1) for initial in (one, other))
    clearly = other_error < 0.8 * error - 0.5 / 255  # by a fifth, and by more than noise
    return InitialFlow(*(torch.where(clearly, second, first) for first, second in zip(one, other, strict=True)))


@torch.no_grad()
def _photometric_error(flow_t: Tensor, luma_0: Tensor, luma_1: Tensor) -> Tensor:
    """Absolute difference of both lumas sampled along flow_t, averaged around every pixel: (B, 1, h, w) in [0, 1].

    flow_t: flow_t0, flow_t1 (B, 4, h, w) in pixels of that size. luma_0, luma_1: (B, 1, 2 h, 2 w) in [0, 1].
    """
    stride = luma_0.shape[-1] // flow_t.shape[-1]
    flow = stride * resize(flow_t, stride)
    difference = (sample(luma_0, flow[:, :2]) - sample(luma_1, flow[:, 2:])).abs()
    return averaged_around(F.avg_pool2d(difference, stride))


def _warp_along_itself(flow: Tensor, reverse: Tensor, share: float | Tensor) -> tuple[Tensor, Tensor]:
    """Flow (B, 2, h, w) forward-warped along `share` of itself, and its splat weight (B, 1, h, w).

    Both are 0 where no pixel lands.

    Args:
        flow, reverse: flow of one direction and of the opposite one (B, 2, h, w), in pixels of that size. `reverse` is
            only used for the forward-backward consistency.
    """
    with torch.no_grad():  # sqrt has no finite gradient at 0, where most pixels are
        consistency_error = (flow + sample(reverse, flow)).square().sum(1, keepdim=True).sqrt()
        confidence = torch.exp(-consistency_error.clamp(max=MAX_CONSISTENCY_ERROR))
    weighted = torch.cat((confidence * flow, confidence), 1).contiguous(memory_format=torch.channels_last)
    splatted, weight = splat_by(weighted, flow, share)
    return splatted[:, :2] / splatted[:, 2:].clamp(min=TINY), weight


class IntermediateFlow(nn.Module):
    """Corrects the flow at t: features at 1/8 and 1/4, and one estimator for each. Untrained corrections are zero."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleList((stage(3, 16, 1), stage(16, QUARTER, 3), stage(QUARTER, EIGHTH, 2)))
        self.coarse = Estimator(feature=EIGHTH, carried=0, radius=3, widths=(96, 80, 64, 48), outputs=4)
        self.fine = Estimator(feature=QUARTER, carried=48, radius=2, widths=(96, 64, 64, 48), outputs=4 + 4)

    def init_weights(self) -> None:
        """Initialise the output layers to zero, so that the untrained network returns its initial flow."""
        for part in (self.coarse, self.fine):
            nn.init.zeros_(part.out.weight)
            assert part.out.bias is not None
            nn.init.zeros_(part.out.bias)

    def convolutional(self) -> list[nn.Module]:
        """The modules that may run in half precision."""
        return [self.encoder, self.coarse.convs, self.fine.convs]

    def extract_features(self, frame: Tensor) -> list[Tensor]:
        """A frame (B, 3, H, W) in [0, 1] -> features (B, 32, H / 4, W / 4) and (B, 48, H / 8, W / 8), float32."""
        dtype = next(self.encoder.parameters()).dtype
        half, quarter, eighth = self.encoder
        fine = quarter(half((frame - 0.5).to(dtype)))
        return [fine.float(), eighth(fine).float()]

    def forward(
        self, features_0: Sequence[Tensor], features_1: Sequence[Tensor], initial: InitialFlow, t: Tensor
    ) -> CorrectedFlow:
        """Features of both frames (see `extract_features`) and the initial flow at t -> the corrected flow.

        t: one time (), or one per image (B, 1, 1, 1).
        """
        flow_t, weight = initial
        eighth = F.avg_pool2d(flow_t, 2) / 2
        correction, carried = self.coarse(features_0[1], features_1[1], eighth, F.avg_pool2d(weight, 2), t, None)
        coarse = flow_t + 2 * resize(correction, 2)
        answer, _ = self.fine(features_0[0], features_1[0], coarse, weight, t, resize(carried, 2))
        return CorrectedFlow(coarse + answer[:, :4], coarse, answer[:, 4:])


class Estimator(nn.Module):
    """Convolutions over features sampled along flow_t, their cost volume, flow_t and splat weights."""

    def __init__(self, *, feature: int, carried: int, radius: int, widths: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.radius = radius
        inputs = (2 * radius + 1) ** 2 + 2 * feature + 4 + 2 + 1 + carried
        self.convs = estimator((inputs, *widths))
        self.out = nn.Conv2d(widths[-1], outputs, 3, padding=1)

    def forward(
        self, feature_0: Tensor, feature_1: Tensor, flow_t: Tensor, weight: Tensor, t: Tensor, carried: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The correction (B, outputs, h, w), and a feature (B, widths[-1], h, w) for the next level; both float32.

        Channels 0 to 3 are added to flow_t, in its unit. Channels 4 to 7 of the fine estimator are logits.

        Args:
            feature_0, feature_1: (B, feature, h, w).
            flow_t: (B, 4, h, w) in pixels of that size.
            weight: (B, 2, h, w) splat weights of flow_t.
            t: one time (), or one per image (B, 1, 1, 1).
            carried: (B, carried, h, w) from the coarser level, or None.
        """
        read_0, read_1 = sample(feature_0, flow_t[:, :2]), sample(feature_1, flow_t[:, 2:])
        volume = F.leaky_relu(cost_volume(read_0, read_1, self.radius), 0.1)
        times = t.expand(len(flow_t), 1, *flow_t.shape[-2:])
        parts = [volume, read_0, read_1, FLOW_SCALE * flow_t, weight, times, *([] if carried is None else [carried])]
        x = torch.cat([part.contiguous(memory_format=torch.channels_last) for part in parts], 1)
        x = self.convs(x.to(next(self.convs.parameters()).dtype)).float()
        device = "cpu" if x.is_meta else x.device.type  # autocast does not support "meta"
        with torch.autocast(device, enabled=False):  # half precision would round the flow itself
            return self.out(x), x
