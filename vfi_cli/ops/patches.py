"""Images to patches and back; exact inverses of each other.

P = B * n_h * n_w patches, image by image and row by row (see `grid.PatchGrid`).
"""

from __future__ import annotations

import torch
from torch import Tensor


def to_patches(image: Tensor, patch: int) -> Tensor:
    """(B, C, H, W) -> (P, C, patch, patch), channels-last; H and W are multiples of `patch`."""
    return gather_patches(image, patch, None)


def gather_patches(image: Tensor, patch: int, index: Tensor | None) -> Tensor:
    """The patches `index` (K,) of an image (B, C, H, W) -> (K, C, patch, patch), channels-last.

    `None` takes all. Reads the channels-last rows once; nothing else is copied.
    """
    B, C, H, W = image.shape
    rows, cols = H // patch, W // patch
    cells = image.permute(0, 2, 3, 1).reshape(B, rows, patch, cols, patch, C).transpose(2, 3)
    if index is None:
        picked = cells.reshape(B * rows * cols, patch, patch, C)
    else:
        row = index // cols
        picked = cells[row // rows, row % rows, index % cols]
    return picked.permute(0, 3, 1, 2)


def from_patches(patches: Tensor, height: int, width: int) -> Tensor:
    """(P, C, patch, patch) -> (B, C, height, width), channels-last; inverse of `to_patches`."""
    P, C, patch, _ = patches.shape
    rows, cols = height // patch, width // patch
    cells = patches.permute(0, 2, 3, 1).reshape(P // (rows * cols), rows, cols, patch, patch, C)
    return cells.transpose(2, 3).reshape(-1, height, width, C).permute(0, 3, 1, 2)


def pool_patches(x: Tensor, patch: int) -> Tensor:
    """Average and maximum of every patch: (B, C, H, W) -> (B, 2C, n_h, n_w)."""
    average = torch.nn.functional.avg_pool2d(x, patch)
    maximum = torch.nn.functional.max_pool2d(x, patch)
    return torch.cat((average, maximum), 1)
