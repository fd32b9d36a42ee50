"""Splits images into patches and joins them again, exactly.

P = B * n_h * n_w patches, image by image and row by row (elsewhere, P is the number of patches of one image):

    +---+---+---+
    | 0 | 1 | 2 |   n_h = 2, n_w = 3
    +---+---+---+
    | 3 | 4 | 5 |
    +---+---+---+
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vfi_cli.ops.bands_cpu import runs_here


def to_patches(image: Tensor, patch: int) -> Tensor:
    """(B, C, H, W) -> (P, C, patch, patch), channels-last; H and W are multiples of `patch`."""
    B, C, H, W = image.shape
    cells = image.permute(0, 2, 3, 1).reshape(B, H // patch, patch, W // patch, patch, C).transpose(2, 3)
    return cells.reshape(-1, patch, patch, C).permute(0, 3, 1, 2)


def from_patches(patches: Tensor, height: int, width: int) -> Tensor:
    """(P, C, patch, patch) -> (B, C, height, width), channels-last; inverse of `to_patches`."""
    _, C, patch, _ = patches.shape
    cells = patches.permute(0, 2, 3, 1).reshape(-1, height // patch, width // patch, patch, patch, C)
    return cells.transpose(2, 3).reshape(-1, height, width, C).permute(0, 3, 1, 2)


def gather_patches(images: Sequence[Tensor], patches: Tensor, index: Tensor) -> Tensor:
    """Gather the patches `index` of some images and of `patches`: the input of a refine block, in one pass.

    Args:
        images: (1, c, H, W) each.
        patches: (P or more, C, patch, patch).
        index: (K,) integers. For an index of P or more, the last patch of the images is taken.

    Returns:
        (K, sum of c + C, patch, patch), channels-last.
    """
    patch = patches.shape[-1]
    if runs_here(*images, patches, index):
        from vfi_cli.ops.patches_cpu import gather_patches_numba

        return gather_patches_numba(images, patches, index)
    rows, columns = images[0].shape[2] // patch, images[0].shape[3] // patch
    inside = index.clamp(max=rows * columns - 1)
    parts = []
    for image in images:
        cells = image[0].permute(1, 2, 0).reshape(rows, patch, columns, patch, -1).transpose(1, 2)
        parts.append(cells[inside // columns, inside % columns])
    parts.append(patches.permute(0, 2, 3, 1)[index])
    return torch.cat(parts, 3).permute(0, 3, 1, 2)


def pool_patches(x: Tensor, patch: int) -> Tensor:
    """Mean and maximum of every patch: (B, C, H, W) -> (B, 2C, n_h, n_w)."""
    return torch.cat((F.avg_pool2d(x, patch), F.max_pool2d(x, patch)), 1)
