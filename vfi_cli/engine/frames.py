"""Converts frames for the network: 8-bit codes to floats and back, padding and cropping."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vfi_cli.grid import round_up

Frame = NDArray[np.uint8]
"""(H, W, 3) RGB."""


def to_tensor(frame: Frame) -> Tensor:
    """(H, W, 3) uint8 -> (3, H, W) float32 in [0, 1], channels last in memory."""
    return torch.from_numpy(frame).permute(2, 0, 1).float().div_(255)


def to_frame(rgb: Tensor) -> Frame:
    """(3, H, W) float, nominally in [0, 1] -> (H, W, 3) uint8, rounded and clamped."""
    codes = rgb.float().mul(255).round_().clamp_(0, 255).to(torch.uint8)
    frame: Frame = codes.permute(1, 2, 0).contiguous().cpu().numpy()
    return frame


def pad(rgb: Tensor, multiple: int) -> Tensor:
    """(C, H, W) -> (1, C, H', W'), channels-last; the last row and column are repeated up to the next multiples."""
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
    """Whether no value of a generated frame is infinite or NaN."""
    return bool(torch.isfinite(rgb).all())
