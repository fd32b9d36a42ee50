"""Training losses and the reference route that supervises the router (paper, section 3.3)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vfi_cli.model.router import keep_counts

CENSUS_SIDE = 7


def charbonnier(output: Tensor, truth: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean of sqrt(difference^2 + epsilon^2) of two images (B, 3, H, W) in [0, 1].

    It is an L1 loss that is smooth at 0 (Charbonnier et al., ICIP 1994).
    """
    return ((output - truth).square() + epsilon**2).sqrt().mean()


def census(output: Tensor, truth: Tensor) -> Tensor:
    """Census loss of two images (B, 3, H, W) in [0, 1]: a soft Hamming distance in [0, 1].

    It compares each pixel with its 7x7 neighbourhood, as in UnFlow (Meister et al., AAAI 2018). Images are converted to
    gray levels from 0 to 255. The ternary signs and their distance are both smooth. The border is left out, because
    neighbours are missing there.
    """
    distance = (_ternary(output) - _ternary(truth)).square()
    return (distance / (0.1 + distance)).mean()


def _ternary(image: Tensor) -> Tensor:
    """Smooth signs, in (-1, 1), of each neighbour minus the centre: (B, 3, H, W) -> (B, H - 6, W - 6, 49)."""
    gray = 255 * (image * image.new_tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1)
    neighbours = gray.unfold(1, CENSUS_SIDE, 1).unfold(2, CENSUS_SIDE, 1).flatten(3)
    difference = neighbours - neighbours[..., CENSUS_SIDE**2 // 2, None]
    return difference / (0.81 + difference.square()).sqrt()


def relative_error(output: Tensor, truth: Tensor, floor: float = 1e-4) -> Tensor:
    """Logarithm of the mean squared error of each image (B, 3, H, W) in [0, 1], averaged over the images.

    As in a mean PSNR, 10 % less error counts the same in every image, whether the image is well aligned or not.

    Args:
        floor: added to the mean squared error, so that smaller errors make little difference. 1e-4 is 40 dB. Above
            40 dB, little is left to learn except the removal of compression artefacts.
    """
    return ((output - truth).square().mean((1, 2, 3)) + floor).log().mean()


def psnr(output: Tensor, truth: Tensor) -> Tensor:
    """PSNR in dB, at most 50, averaged over the images (B, 3, H, W) in [0, 1]."""
    return -10 / math.log(10) * relative_error(output, truth, 1e-5)


def reference_route(difference: Tensor, ratios: tuple[float, ...]) -> Tensor:
    """The reference route M' (B, P, d) of 0 and 1: block k runs the share `ratios[k]` of all patches.

    These are the patches with the largest difference.

    The patches of the whole batch are ranked together, because one crop has too few patches for a ranking.

    Args:
        difference: one value per patch for all blocks (B, P), see `patch_difference`, or one per block (B, P, d).
    """
    if difference.ndim == 2:
        difference = difference[..., None].expand(-1, -1, len(ratios))
    ranking = difference.flatten(0, 1).argsort(0, descending=True)
    route = torch.zeros_like(ranking, dtype=difference.dtype)
    for k, count in enumerate(keep_counts(ratios, len(ranking))):
        route[ranking[:count, k], k] = 1
    return route.view_as(difference)


def endpoint_error(flow: Tensor, target: Tensor, confidence: Tensor | None = None) -> Tensor:
    """Mean endpoint error of a flow, in its unit, smooth at 0.

    Args:
        flow, target: two flows (dx, dy, dx, dy) each, (B, 4, h, w), in pixels of the same size.
        confidence: weight of each pixel from 0 to 1, (B, 2, h, w), or (B, 1, h, w) for both flows. None gives all
            pixels the same weight.
    """
    squared = (flow - target).square()
    lengths = (squared[:, 0::2] + squared[:, 1::2] + 1e-6).sqrt()
    if confidence is None:
        return lengths.mean()
    return (lengths * confidence).sum() / (confidence.expand_as(lengths).sum() + 1e-6)
