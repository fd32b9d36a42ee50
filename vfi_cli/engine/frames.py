"""Frames in and out of the network: padding, in one place."""

from __future__ import annotations

import torch
from torch import Tensor

from vfi_cli.grid import round_up


def pad(rgb: Tensor, multiple: int) -> Tensor:
    """(C, H, W) -> (1, C, H', W') channels-last, its last row and column repeated up to the next multiples."""
    C, H, W = rgb.shape
    height, width = round_up(H, multiple), round_up(W, multiple)
    padded = rgb.new_empty(1, height, width, C)
    padded[0, :H, :W] = rgb.permute(1, 2, 0)
    padded[0, :H, W:] = padded[0, :H, W - 1 : W]
    padded[0, H:] = padded[0, H - 1 : H]
    return padded.permute(0, 3, 1, 2)


def crop(padded: Tensor, height: int, width: int) -> Tensor:
    """Inverse of `pad`: (1, C, H', W') -> (C, H, W)."""
    return padded[0, :, :height, :width]


def is_finite(rgb: Tensor) -> bool:
    """Whether every value of a generated frame is a number."""
    return bool(torch.isfinite(rgb).all())
