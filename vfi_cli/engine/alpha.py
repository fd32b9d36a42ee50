"""Interpolates opacity (alpha). It is warped like the colours, and not refined."""

from __future__ import annotations

import torch
from torch import Tensor


def as_rgb(alpha: Tensor) -> Tensor:
    """(B, 1, H, W) -> (B, 3, H, W), three equal channels, because the warp kernels take three."""
    return alpha.expand(len(alpha), 3, *alpha.shape[2:]).contiguous()


def mix_alpha(warped_0: Tensor, warped_1: Tensor, t: float) -> Tensor:
    """The opacity at `t`: the time-weighted mean of the warped opacities of both frames.

    If all contributing pixels are opaque, the result is opaque; if all are transparent, it is transparent. Both hold up
    to float32 rounding.

    Args:
        warped_0, warped_1: (B, 3, H, W), see `as_rgb`; slightly outside [0, 1] where `sample_sharp` overshoots.
        t: in (0, 1); 0 is the left frame.

    Returns:
        (B, 1, H, W) in [0, 1].
    """
    return torch.lerp(warped_0[:, :1], warped_1[:, :1], t).clamp_(0, 1)
