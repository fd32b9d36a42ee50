"""Generates a frame in overlapping tiles, for devices with too little memory for a whole frame.

tile 0  |======___
tile 1       ___======___     in the overlap, tile 0 fades out and tile 1 fades in; the weights add up to 1
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

OVERLAP = 96
"""Pixels that neighbouring tiles share. Larger motion may give other results near the edge of a tile."""

MIN_SIDE = 256
"""Smallest side of a tile, in pixels. Smaller tiles would save little memory, and large motion would leave the tile."""


def can_split(height: int, width: int, count: int) -> bool:
    """Whether the longer side of a frame may be cut into `count` tiles; the shorter side may get fewer."""
    return max(height, width) >= MIN_SIDE * count


def in_tiles(
    left: Tensor, right: Tensor, count: int, generate: Callable[[Tensor, Tensor], list[Tensor]]
) -> list[Tensor]:
    """The frames (C, H, W) that `generate` returns for two frames, computed in at most `count` x `count` tiles.

    Args:
        left, right: (C, H, W).
        generate: returns any number of frames (C, h, w) for two tiles (C, h, w).
    """
    _, height, width = left.shape
    frames: list[Tensor] = []
    for rows, down in _spans(height, count, left.device):
        for columns, across in _spans(width, count, left.device):
            parts = generate(left[:, rows, columns], right[:, rows, columns])
            frames = frames or [part.new_zeros(len(part), height, width) for part in parts]
            weight = down[:, None] * across
            for frame, part in zip(frames, parts, strict=True):
                frame[:, rows, columns] += weight * part
    return frames


def _spans(size: int, count: int, device: torch.device) -> list[tuple[slice, Tensor]]:
    """Up to `count` overlapping slices that cover `size` pixels, each with the weights of its pixels in [0, 1]."""
    count = max(1, min(count, size // MIN_SIDE))
    length = -(-(size + (count - 1) * OVERLAP) // count)
    begins = [round(k * (size - length) / max(1, count - 1)) for k in range(count)]
    spans = []
    for k, begin in enumerate(begins):
        centre = torch.arange(begin, begin + length, device=device) + 0.5
        weight = torch.ones(length, device=device)
        if k > 0:
            shared = begins[k - 1] + length - begin
            weight = weight.minimum((centre - begin) / shared)
        if k + 1 < count:
            shared = begin + length - begins[k + 1]
            weight = weight.minimum((begin + length - centre) / shared)
        spans.append((slice(begin, begin + length), weight))
    return spans
