"""Training losses and the reference route that supervises the router (paper, section 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vfi_cli.model.apr import Aligned
from vfi_cli.model.router import keep_counts
from vfi_cli.ops.compose import HOLE


def charbonnier(output: Tensor, truth: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean of sqrt(difference^2 + epsilon^2) of every image (B, 3, H, W) in [0, 1] -> (B,)."""
    return torch.sqrt((output - truth).square() + epsilon**2).mean((1, 2, 3))


def relative_charbonnier(output: Tensor, truth: Tensor) -> Tensor:
    """Mean over the images of the logarithm of their Charbonnier error.

    The paper's reconstruction loss, but every image counts the same, well aligned or not, as it does in a mean PSNR.
    """
    return charbonnier(output, truth).log().mean()


def psnr(output: Tensor, truth: Tensor, floor: float = 1e-5) -> Tensor:
    """Mean over the images (B, 3, H, W) of their PSNR in dB, at most 50."""
    return -10 * ((output - truth).square().mean((1, 2, 3)) + floor).log10().mean()


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
