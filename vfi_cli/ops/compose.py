"""Full-resolution glue of the synthesis: fill holes, see differences, blend.

Each is defined here in torch; on the CPU a kernel of `compose_cpu` does the same in one pass over the rows, because
there these steps would cost more than the convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vfi_cli.ops.bands_cpu import runs_here

HOLE = 0.1
"""A splat weight below this is a hole: too little of the frame landed there to be trusted."""

AMPLIFIED = 4.0
"""Gain of differences of images, see `context_input`."""


def fill_holes(
    warped: tuple[Tensor, Tensor], weights: tuple[Tensor, Tensor], frames: tuple[Tensor, Tensor], t: float | Tensor
) -> tuple[Tensor, Tensor]:
    """Holes of one warped frame show the other one; holes of both show the mix of the frames where they stood.

    warped, frames: two (B, 3, H, W). weights: two (B, 1, H, W). t: weight of the right frame in the mix, one or one per
    image (B, 1, 1, 1).
    Returns both warped frames, filled; their memory may be reused for it.
    """
    if isinstance(t, float) and runs_here(*warped, *weights, *frames):
        from vfi_cli.ops.compose_cpu import fill_holes_numba

        return fill_holes_numba(warped, weights, frames, t)
    hole_0, hole_1 = weights[0] < HOLE, weights[1] < HOLE
    still = torch.lerp(frames[0], frames[1], t)
    solid_0 = torch.where(hole_0, still, warped[0])
    solid_1 = torch.where(hole_1, still, warped[1])
    return torch.where(hole_0, solid_1, warped[0]), torch.where(hole_1, solid_0, warped[1])


def context_input(
    warped: tuple[Tensor, Tensor], weights: tuple[Tensor, Tensor], frames: tuple[Tensor, Tensor], dtype: torch.dtype
) -> Tensor:
    """What the context network sees of two warped frames: (2 B, 10, H, W) of `dtype`, the left ones first.

    Per frame: the warped image around 0, its splat weight (1 where full), how it differs from the other warped frame,
    and how the frame differs from it where it stood. The differences are what the synthesis is about, and small:
    they come amplified.

    warped, frames: two (B, 3, H, W) in [0, 1]. weights: two (B, 1, H, W).
    """
    if len(warped[0]) == 1 and dtype in (torch.float32, torch.bfloat16) and runs_here(*warped, *weights, *frames):
        from vfi_cli.ops.compose_cpu import context_input_numba

        return context_input_numba(warped, weights, frames, dtype)
    misaligned = AMPLIFIED * (warped[0] - warped[1])
    both = torch.cat(warped)
    moved = AMPLIFIED * (torch.cat(frames) - both)
    weight = torch.cat(weights).clamp(max=1)
    return torch.cat((both - 0.5, weight, torch.cat((misaligned, -misaligned)), moved), 1).to(dtype)


def cell_statistics(
    warped: tuple[Tensor, Tensor], weights: tuple[Tensor, Tensor], frames: tuple[Tensor, Tensor], cell: int
) -> Tensor:
    """Means over cells of `cell` x `cell` pixels -> (B, 7, H / cell, W / cell) float32.

    0 to 3: absolute difference of the warped frames, of the frames, of the left frame to its warped self, of the
    right one. 4: texture, the absolute step to the pixel on the right and below in the mean of the warped frames.
    5, 6: splat weights, at most 1.

    warped, frames: two (B, 3, H, W) in [0, 1]. weights: two (B, 1, H, W). H and W are multiples of `cell`.
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
    """What the router looks at: warped difference, scaled flow, warped frames; means of `stride` x `stride` pixels.

    warped: two (B, 3, H, W). flow: (B, 4, H, W). Returns (B, 13, H / stride, W / stride) float32.
    """
    if len(flow) == 1 and runs_here(*warped, flow):
        from vfi_cli.ops.compose_cpu import routing_input_numba

        return routing_input_numba(warped, flow, flow_scale, stride)
    parts = ((warped[0] - warped[1]).abs(), flow_scale * flow, *warped)
    return torch.cat([F.avg_pool2d(part, stride) for part in parts], 1)


def blend(packed: Tensor, candidates: Sequence[Tensor], t: float | Tensor, logits: Tensor | None = None) -> Tensor:
    """`I_t = M * w0 + (1 - M) * w1 + dI` (paper, eq. 2) -> (B, 3, H, W) float32.

    M starts from the time weights: 1 - t and t. With four candidates it is a softmax over all of them.

    packed: the head's (B, (logits + 3) * s * s, H / s, W / s), s x s pixels folded into channels; one logit for two
        candidates, else one for each.
    candidates: (B, 3, H, W), alternately of the left and of the right frame.
    t: one time, or one per image (B, 1, 1, 1).
    logits: more of them, for four candidates, from a coarser grid: (B, 4, ., .), resized to that of the head and added.
    """
    if logits is not None:
        logits = F.interpolate(logits.float(), size=packed.shape[-2:], mode="bilinear", align_corners=False)
    if len(candidates) == 4 and isinstance(t, float) and len(packed) == 1 and runs_here(packed, *candidates):
        from vfi_cli.ops.compose_cpu import blend_numba

        return blend_numba(packed, candidates, t, logits)
    stride = candidates[0].shape[-1] // packed.shape[-1]
    prediction = F.pixel_shuffle(packed, stride)
    of_head, residual = prediction[:, :-3].float(), prediction[:, -3:].float()
    if len(candidates) == 2:
        odds = of_head.exp() * (1 - t)
        return torch.lerp(candidates[1], candidates[0], odds / (odds + t)) + residual
    if logits is not None:
        of_head = of_head + F.interpolate(logits, scale_factor=stride, mode="nearest")
    share = F.softmax(of_head, 1)
    shares = [share[:, k : k + 1] * (t if k % 2 else 1 - t) for k in range(len(candidates))]
    mixed = torch.stack([share * frame for share, frame in zip(shares, candidates, strict=True)]).sum(0)
    return mixed / torch.stack(shares).sum(0) + residual
