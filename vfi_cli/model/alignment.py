"""Misalignment of two warped frames per patch, which decides the reference route of the paper (section 3.3)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from vfi_cli.model.apr import Aligned
from vfi_cli.ops.compose import HOLE


def patch_difference(aligned: Aligned, patch: int) -> Tensor:
    """P_diff (B, P) in [0, 1], the misalignment of each patch (eq. 5).

    It is the largest mean of 4x4 pixels, of the absolute difference of both warped frames. Holes count as 0.

    Args:
        patch: side of a patch, in pixels.
    """
    solid = ((aligned.weight_0 >= HOLE) & (aligned.weight_1 >= HOLE)).float()
    difference = (aligned.image_0 - aligned.image_1).abs().mean(1, keepdim=True) * solid
    return F.max_pool2d(F.avg_pool2d(difference, 4), patch // 4).flatten(1)
