"""Intermediate flow: where a pixel of the frame at t is to be found in both frames, learned on top of a flow source.

    flow_01, flow_10 --> forward warp to t --> at 1/8: features read there, compared --> correction
                                               at 1/4: features read there, compared --> correction

The correction of RIFE (Huang et al., ECCV 2022) to the flow that the forward warp has brought to t. B batch, H W full
size, h w quarter size. `flow_t` is flow_t0 (dx, dy), flow_t1 (dx, dy).
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
"""The flow is corrected on a grid this much coarser than the frame."""

MOST_ASTRAY = 6
"""Pixels of the quarter size that a way there and back may miss its beginning by; beyond, all counts equally little."""

TINY = 1e-6
"""Well below the weight of what is most astray: what is divided by it is zero."""

FLOW_SCALE = 1 / 8
"""Brings flow, in pixels of the quarter size, near the range of the features."""


class Start(NamedTuple):
    """The flow of a source at the time t."""

    flow_t: Tensor  # (B, 4, h, w) float32, in pixels of the quarter size
    weight: Tensor  # (B, 2, h, w) splat weights of flow_t0 and flow_t1, at most 1; 0 where no pixel went


class Corrected(NamedTuple):
    """flow_t as it is used, and what was thought of it on the way."""

    flow_t: Tensor  # (B, 4, h, w) float32
    coarse: Tensor  # (B, 4, h, w), after the correction at 1/8
    logits: Tensor  # (B, 4, h, w) of the candidates of the blend, see `Gate`


def start_at(quarter: Tensor, t: float | Tensor) -> Start:
    """Forward-warp flow (B, 4, h, w) along itself to t: one time, or one per image (B, 1, 1, 1).

    Of pixels that meet those count most whose way there and back ends where it began: an importance, as SoftSplat has
    one (Niklaus and Liu, CVPR 2020), by another measure. Where nothing of one frame went, its flow is that of the
    other one, reversed.
    """
    flow_01, flow_10 = (part.contiguous(memory_format=torch.channels_last) for part in torch.split(quarter, 2, 1))
    moved_0, weight_0 = _carried(flow_01, flow_10, t)
    moved_1, weight_1 = _carried(flow_10, flow_01, 1 - t)
    hole_0, hole_1 = weight_0 < HOLE, weight_1 < HOLE
    flow_t0 = torch.where(hole_0, t * moved_1, -t * moved_0)
    flow_t1 = torch.where(hole_1, (1 - t) * moved_0, -(1 - t) * moved_1)
    return Start(torch.cat((flow_t0, flow_t1), 1), torch.cat((weight_0, weight_1), 1).clamp(max=1))


def precise(start: Start, luma_0: Tensor, luma_1: Tensor, t: Tensor) -> Start:
    """A start with the motion that is left between the frames added, see `residual_motion`."""
    return start._replace(flow_t=start.flow_t + residual_motion(luma_0, luma_1, start.flow_t, t))


def better_start(one: Start, other: Start, luma_0: Tensor, luma_1: Tensor) -> Start:
    """`one`, but for the places where the frames agree clearly better along `other`.

    luma_0, luma_1: of both frames, (B, 1, H / 2, W / 2) in [0, 1].
    """
    misfit, of_other = (_misfit(start.flow_t, luma_0, luma_1) for start in (one, other))
    clearly = of_other < 0.8 * misfit - 0.5 / 255  # by a fifth, and by more than noise
    return Start(*(torch.where(clearly, second, first) for first, second in zip(one, other, strict=True)))


@torch.no_grad()
def _misfit(flow_t: Tensor, luma_0: Tensor, luma_1: Tensor) -> Tensor:
    """How far the frames, read along flow_t, are from each other around every place: (B, 1, h, w)."""
    stride = luma_0.shape[-1] // flow_t.shape[-1]
    flow = stride * resize(flow_t, stride)
    difference = (sample(luma_0, flow[:, :2]) - sample(luma_1, flow[:, 2:])).abs()
    return averaged_around(F.avg_pool2d(difference, stride))


def _carried(there: Tensor, back: Tensor, share: float | Tensor) -> tuple[Tensor, Tensor]:
    """Flow (B, 2, h, w) a share of the way along itself, and its splat weight; 0 where nothing went."""
    with torch.no_grad():  # the distance has no slope at 0, where most pixels are
        astray = (there + sample(back, there)).square().sum(1, keepdim=True).sqrt()
        sure = torch.exp(-astray.clamp(max=MOST_ASTRAY))
    weighted = torch.cat((sure * there, sure), 1).contiguous(memory_format=torch.channels_last)
    splatted, weight = splat_by(weighted, there, share)
    return splatted[:, :2] / splatted[:, 2:].clamp(min=TINY), weight


class IntermediateFlow(nn.Module):
    """Features at 1/4 and 1/8, an estimator for each. The corrections start at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleList((stage(3, 16, 1), stage(16, QUARTER, 3), stage(QUARTER, EIGHTH, 2)))
        self.coarse = Estimator(feature=EIGHTH, carried=0, radius=3, widths=(96, 80, 64, 48), outputs=4)
        self.fine = Estimator(feature=QUARTER, carried=48, radius=2, widths=(96, 64, 64, 48), outputs=4 + 4)

    def start_from_source(self) -> None:
        """Before training the flow is left as the source has it."""
        for part in (self.coarse, self.fine):
            nn.init.zeros_(part.out.weight)
            assert part.out.bias is not None
            nn.init.zeros_(part.out.bias)

    def convolutional(self) -> list[nn.Module]:
        """The parts that may run in half precision."""
        return [self.encoder, self.coarse.convs, self.fine.convs]

    def describe(self, frame: Tensor) -> list[Tensor]:
        """A frame (B, 3, H, W) in [0, 1] -> features (B, 32, H / 4, W / 4) and (B, 48, H / 8, W / 8), float32."""
        dtype = next(self.encoder.parameters()).dtype
        half, quarter, eighth = self.encoder
        fine = quarter(half((frame - 0.5).to(dtype)))
        return [fine.float(), eighth(fine).float()]

    def forward(self, features_0: Sequence[Tensor], features_1: Sequence[Tensor], start: Start, t: Tensor) -> Corrected:
        """Features of both frames (see `describe`), the flow at t to start from -> the corrected one.

        t: one time (), or one per image (B, 1, 1, 1).
        """
        flow_t, weight = start
        begun = F.avg_pool2d(flow_t, 2) / 2
        correction, carried = self.coarse(features_0[1], features_1[1], begun, F.avg_pool2d(weight, 2), t, None)
        coarse = flow_t + 2 * resize(correction, 2)
        answer, _ = self.fine(features_0[0], features_1[0], coarse, weight, t, resize(carried, 2))
        return Corrected(coarse + answer[:, :4], coarse, answer[:, 4:])


class Estimator(nn.Module):
    """Features read along flow_t, their cost volume, flow and weights -> what to add, and a feature to carry on."""

    def __init__(self, *, feature: int, carried: int, radius: int, widths: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.radius = radius
        inputs = (2 * radius + 1) ** 2 + 2 * feature + 4 + 2 + 1 + carried
        self.convs = estimator((inputs, *widths))
        self.out = nn.Conv2d(widths[-1], outputs, 3, padding=1)

    def forward(
        self, feature_0: Tensor, feature_1: Tensor, flow_t: Tensor, weight: Tensor, t: Tensor, carried: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Features (B, C, h, w), flow_t (B, 4, h, w) in their pixels -> (B, outputs, h, w), feature; all in float32."""
        read_0, read_1 = sample(feature_0, flow_t[:, :2]), sample(feature_1, flow_t[:, 2:])
        volume = F.leaky_relu(cost_volume(read_0, read_1, self.radius), 0.1)
        times = t.expand(len(flow_t), 1, *flow_t.shape[-2:])
        parts = [volume, read_0, read_1, FLOW_SCALE * flow_t, weight, times, *([] if carried is None else [carried])]
        x = torch.cat([part.contiguous(memory_format=torch.channels_last) for part in parts], 1)
        x = self.convs(x.to(next(self.convs.parameters()).dtype)).float()
        device = "cpu" if x.is_meta else x.device.type  # autocast does not know "meta"
        with torch.autocast(device, enabled=False):  # half precision would round the flow itself
            return self.out(x), x
