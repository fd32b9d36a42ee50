"""Opacity between two frames: it goes where the picture goes, and is not refined."""

from __future__ import annotations

import torch
from torch import Tensor


def as_picture(alpha: Tensor) -> Tensor:
    """(B, 1, H, W) as (B, 3, H, W): the kernels that move pictures take three channels."""
    return alpha.expand(len(alpha), 3, *alpha.shape[2:]).contiguous()


def mix_alpha(moved_0: Tensor, moved_1: Tensor, t: float) -> Tensor:
    """The opacity at `t`: that of both frames, moved there as the picture was, averaged by nearness in time.

    Where all that comes together is opaque, or transparent, so is the result, but for the rounding of float32.

    Args:
        moved_0, moved_1: (B, 3, H, W), see `as_picture`; a little beyond [0, 1] where edges were read sharply.
        t: in (0, 1), 0 being the left frame.

    Returns:
        (B, 1, H, W) in [0, 1].
    """
    return torch.lerp(moved_0[:, :1], moved_1[:, :1], t).clamp_(0, 1)
