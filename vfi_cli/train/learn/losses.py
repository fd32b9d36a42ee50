"""Training losses and the reference route that supervises the router (paper, section 3.3)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vfi_cli.model.router import keep_counts

CENSUS_SIDE = 7


def charbonnier(output: Tensor, truth: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean of sqrt(difference^2 + epsilon^2): L1, smooth at 0 (Charbonnier et al., ICIP 1994)."""
    return ((output - truth).square() + epsilon**2).sqrt().mean()


def census(output: Tensor, truth: Tensor) -> Tensor:
    """How the pixels of a 7x7 neighbourhood compare to its centre, soft Hamming distance in [0, 1].

    Images (B, 3, H, W) in [0, 1]. As UnFlow has it (Meister et al., AAAI 2018): on 8-bit gray, with the ternary signs
    and their distance both made smooth; the border, where neighbours are missing, does not count.
    """
    distance = (_ternary(output) - _ternary(truth)).square()
    return (distance / (0.1 + distance)).mean()


def _ternary(image: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 49, H - 6, W - 6), signs of the neighbours' differences to the centre."""
    gray = 255 * (image * image.new_tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1)
    neighbours = gray.unfold(1, CENSUS_SIDE, 1).unfold(2, CENSUS_SIDE, 1).flatten(3)
    difference = neighbours - neighbours[..., CENSUS_SIDE**2 // 2, None]
    return difference / (0.81 + difference.square()).sqrt()


def relative_error(output: Tensor, truth: Tensor, floor: float = 1e-4) -> Tensor:
    """Mean over the images (B, 3, H, W) in [0, 1] of the logarithm of their mean squared error.

    A tenth less error is worth the same in every image, well aligned or not, as it is in a mean PSNR. floor: error
    that is as good as none; 1e-4 is 40 dB, beyond which little but the mending of compression is left to learn.
    """
    return ((output - truth).square().mean((1, 2, 3)) + floor).log().mean()


def psnr(output: Tensor, truth: Tensor) -> Tensor:
    """Mean over the images (B, 3, H, W) of their PSNR in dB, at most 50."""
    return -10 / math.log(10) * relative_error(output, truth, 1e-5)


def reference_route(difference: Tensor, ratios: tuple[float, ...]) -> Tensor:
    """M' (B, P, d): 1 for the `ratios[k]` share of all patches whose difference is largest.

    difference: one for all blocks (B, P), or one for each (B, P, d). Sorted over the whole batch: crops hold too few
    patches for a ranking each.
    """
    if difference.ndim == 2:
        difference = difference[..., None].expand(-1, -1, len(ratios))
    ranking = difference.flatten(0, 1).argsort(0, descending=True)
    route = torch.zeros_like(ranking, dtype=difference.dtype)
    for k, count in enumerate(keep_counts(ratios, len(ranking))):
        route[ranking[:count, k], k] = 1
    return route.view_as(difference)


def endpoint_error(flow: Tensor, target: Tensor, sure: Tensor | None = None) -> Tensor:
    """Mean distance in pixels of two pairs of flows (B, 4, h, w), smooth at 0.

    sure: weight of each place, for both flows of the pair or for each (B, 1 or 2, h, w); None weighs all alike.
    """
    squared = (flow - target).square()
    lengths = (squared[:, 0::2] + squared[:, 1::2] + 1e-6).sqrt()
    if sure is None:
        return lengths.mean()
    return (lengths * sure).sum() / (sure.expand_as(lengths).sum() + 1e-6)
