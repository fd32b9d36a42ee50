"""Steps at full resolution between the networks: fill holes, compute network inputs, blend.

The functions in this file are the torch references. On the CPU, kernels of `compose_cpu` do the same in one pass over
the rows, because these steps would otherwise cost more than the convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vfi_cli.ops.bands_cpu import runs_here

HOLE = 0.1
"""A pixel with a splat weight below this is a hole: so little landed there that the mean is not trusted."""

DIFFERENCE_GAIN = 4.0
"""Factor on the image differences of `context_input`."""


def fill_holes(
    warped: tuple[Tensor, Tensor], weights: tuple[Tensor, Tensor], frames: tuple[Tensor, Tensor], t: float | Tensor
) -> tuple[Tensor, Tensor]:
    """Fill holes of one warped frame from the other, and holes of both with the mean of the unwarped frames.

    Args:
        warped, frames: two (B, 3, H, W), of the left and of the right frame. The memory of `warped` may be overwritten.
        weights: two splat weights (B, 1, H, W), 0 or more.
        t: weight of the right frame in the mean, one number or one per image (B, 1, 1, 1).

    Returns:
        Both warped frames (B, 3, H, W), without holes.
    """
    if isinstance(t, float) and runs_here(*warped, *weights, *frames):
        from vfi_cli.ops.compose_cpu import fill_holes_numba

        return fill_holes_numba(warped, weights, frames, t)
    hole_0, hole_1 = weights[0] < HOLE, weights[1] < HOLE
    unwarped = torch.lerp(frames[0], frames[1], t)
    filled_0 = torch.where(hole_0, unwarped, warped[0])
    filled_1 = torch.where(hole_1, unwarped, warped[1])
    return torch.where(hole_0, filled_1, warped[0]), torch.where(hole_1, filled_0, warped[1])


def context_input(
    warped: tuple[Tensor, Tensor], weights: tuple[Tensor, Tensor], frames: tuple[Tensor, Tensor], dtype: torch.dtype
) -> Tensor:
    """The input of the context network for two warped frames.

    Channels per frame:
        0-2  warped frame - 0.5
        3    splat weight, at most 1
        4-6  (warped frame - other warped frame) * DIFFERENCE_GAIN
        7-9  (unwarped frame - warped frame) * DIFFERENCE_GAIN

    The synthesis works on the differences, which are small, so they are amplified.

    Args:
        warped, frames: two (B, 3, H, W) in [0, 1]; the warped frames may overshoot a little.
        weights: two splat weights (B, 1, H, W).

    Returns:
        (2 B, 10, H, W) of `dtype`, the left frames first.
    """
    if len(warped[0]) == 1 and dtype in (torch.float32, torch.bfloat16) and runs_here(*warped, *weights, *frames):
        from vfi_cli.ops.compose_cpu import context_input_numba

        return context_input_numba(warped, weights, frames, dtype)
    misaligned = DIFFERENCE_GAIN * (warped[0] - warped[1])
    both = torch.cat(warped)
    moved = DIFFERENCE_GAIN * (torch.cat(frames) - both)
    weight = torch.cat(weights).clamp(max=1)
    return torch.cat((both - 0.5, weight, torch.cat((misaligned, -misaligned)), moved), 1).to(dtype)


def cell_statistics(
    warped: tuple[Tensor, Tensor], weights: tuple[Tensor, Tensor], frames: tuple[Tensor, Tensor], cell: int
) -> Tensor:
    """Statistics of two warped frames, as means over cells of `cell` x `cell` pixels.

    Channels:
        0    absolute difference of both warped frames
        1    absolute difference of both unwarped frames
        2-3  absolute difference of the unwarped and the warped frame, left and right
        4    texture: sum of the absolute differences to the next pixel on the right and below, in the mean of the
             warped frames
        5-6  splat weights, at most 1

    Args:
        warped, frames: two (B, 3, H, W) in [0, 1]; H and W are multiples of `cell`.
        weights: two splat weights (B, 1, H, W).

    Returns:
        (B, 7, H / cell, W / cell) float32.
    """
    if len(warped[0]) == 1 and runs_here(*warped, *weights, *frames):
        from vfi_cli.ops.compose_cpu import cell_statistics_numba

        return cell_statistics_numba(warped, weights, frames, cell)
    mean = (warped[0] + warped[1]) / 2
    steps_right = F.pad((mean[..., 1:] - mean[..., :-1]).abs(), (0, 1))
    steps_down = F.pad((mean[..., 1:, :] - mean[..., :-1, :]).abs(), (0, 0, 0, 1))
    pairs = ((warped[0], warped[1]), (frames[0], frames[1]), (frames[0], warped[0]), (frames[1], warped[1]))
    planes = [(left - right).abs().mean(1, keepdim=True) for left, right in pairs]
    planes.append((steps_right + steps_down).mean(1, keepdim=True))
    planes += [weight.clamp(max=1) for weight in weights]
    return F.avg_pool2d(torch.cat(planes, 1), cell)


def routing_input(warped: tuple[Tensor, Tensor], flow: Tensor, flow_scale: float, stride: int) -> Tensor:
    """The input of the router, as means of `stride` x `stride` pixels.

    Channels: absolute difference of the warped frames (3), scaled flow (4), left and right warped frame (6).

    Args:
        warped: two (B, 3, H, W) in [0, 1]; they may overshoot a little.
        flow: (B, 4, H, W) in pixels, see `Aligned.flow`.
        flow_scale: factor on the flow.

    Returns:
        (B, 13, H / stride, W / stride) float32.
    """
    if len(flow) == 1 and runs_here(*warped, flow):
        from vfi_cli.ops.compose_cpu import routing_input_numba

        return routing_input_numba(warped, flow, flow_scale, stride)
    parts = ((warped[0] - warped[1]).abs(), flow_scale * flow, *warped)
    return torch.cat([F.avg_pool2d(part, stride) for part in parts], 1)


def blend(packed: Tensor, candidates: Sequence[Tensor], t: float | Tensor, logits: Tensor | None = None) -> Tensor:
    """The frame at t: `I_t = M * w0 + (1 - M) * w1 + dI` (paper, eq. 2); w0, w1 are the warped frames, dI the residual.

    Zero logits give M = 1 - t. With four hypotheses, a softmax over all of them, weighted by time, replaces M.

    Args:
        packed: prediction of the head (B, (logits + 3) * s * s, H / s, W / s), with s x s pixels folded into channels.
            It has one logit for two hypotheses, four logits for four, and three channels of residual dI.
        candidates: two or four hypotheses (B, 3, H, W), alternately of the left and of the right frame.
        t: one time, or one per image (B, 1, 1, 1).
        logits: further logits of four hypotheses, (B, 4, h, w) of any size. They are resized to the grid of the head
            and added.

    Returns:
        (B, 3, H, W) float32, not clamped.
    """
    if logits is not None:
        logits = F.interpolate(logits.float(), size=packed.shape[-2:], mode="bilinear", align_corners=False)
    if len(candidates) == 4 and isinstance(t, float) and len(packed) == 1 and runs_here(packed, *candidates):
        from vfi_cli.ops.compose_cpu import blend_numba

        return blend_numba(packed, candidates, t, logits)
    stride = candidates[0].shape[-1] // packed.shape[-1]
    prediction = F.pixel_shuffle(packed, stride)
    head_logits, residual = prediction[:, :-3].float(), prediction[:, -3:].float()
    if len(candidates) == 2:
        odds = head_logits.exp() * (1 - t)
        return torch.lerp(candidates[1], candidates[0], odds / (odds + t)) + residual
    if logits is not None:
        head_logits = head_logits + F.interpolate(logits, scale_factor=stride, mode="nearest")
    share = F.softmax(head_logits, 1)
    shares = [share[:, k : k + 1] * (t if k % 2 else 1 - t) for k in range(len(candidates))]
    mixed = torch.stack([share * frame for share, frame in zip(shares, candidates, strict=True)]).sum(0)
    return mixed / torch.stack(shares).sum(0) + residual
