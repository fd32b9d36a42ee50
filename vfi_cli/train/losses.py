"""Training losses and the reference route that supervises the router (paper, section 3.3)."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

from vfi_cli.model.apr import Aligned
from vfi_cli.model.router import keep_counts
from vfi_cli.ops.compose import HOLE


def relative_error(output: Tensor, truth: Tensor, floor: float = 1e-5) -> Tensor:
    """Mean over the images (B, 3, H, W) in [0, 1] of the logarithm of their mean squared error.

    A tenth less error is worth the same in every image, well aligned or not, as it is in a mean PSNR. floor: error
    that is as good as none.
    """
    return ((output - truth).square().mean((1, 2, 3)) + floor).log().mean()


def psnr(output: Tensor, truth: Tensor) -> Tensor:
    """Mean over the images (B, 3, H, W) of their PSNR in dB, at most 50."""
    return -10 / math.log(10) * relative_error(output, truth)


def patch_difference(aligned: Aligned, patch: int) -> Tensor:
    """P_diff (B, P): how badly each patch is aligned; AvgPool 4, then the maximum (eq. 5). Holes do not count."""
    solid = ((aligned.weight_0 >= HOLE) & (aligned.weight_1 >= HOLE)).float()
    difference = (aligned.image_0 - aligned.image_1).abs().mean(1, keepdim=True) * solid
    return F.max_pool2d(F.avg_pool2d(difference, 4), patch // 4).flatten(1)


def reference_route(difference: Tensor, ratios: tuple[float, ...]) -> Tensor:
    """M' (B, P, d): 1 for the `ratios[k]` share of all patches that are aligned worst.

    Sorted over the whole batch: crops hold too few patches for a ranking each.
    """
    ranking = difference.flatten().argsort(descending=True)
    route = difference.new_zeros(difference.numel(), len(ratios))
    for k, count in enumerate(keep_counts(ratios, difference.numel())):
        route[ranking[:count], k] = 1
    return route.view(*difference.shape, len(ratios))
