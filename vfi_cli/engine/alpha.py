"""Opacity between two frames: it goes where the picture goes, and is not refined."""

from __future__ import annotations

import torch
from torch import Tensor

from vfi_cli.model.apr import align


def interpolate_alpha(left: Tensor, right: Tensor, flow: Tensor, t: float) -> Tensor:
    """The opacity at `t`: both warped there along the flow of the picture, and averaged by nearness in time.

    Where all that comes together is opaque, or transparent, so is the result, but for the rounding of float32.

    Args:
        left, right: (B, 1, H, W) in [0, 1].
        flow: (B, 4, H, W), see `Apr.estimate_flow`.
        t: in (0, 1), 0 being `left`.

    Returns:
        (B, 1, H, W) in [0, 1].
    """
    three = (len(left), 3, *left.shape[2:])  # the kernels take pictures of three channels
    aligned = align(left.expand(three).contiguous(), right.expand(three).contiguous(), flow, t)
    return torch.lerp(aligned.image_0[:, :1], aligned.image_1[:, :1], t).clamp_(0, 1)
