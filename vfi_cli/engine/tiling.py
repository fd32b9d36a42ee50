"""A frame in overlapping tiles, for a device that cannot hold what the network makes of the whole.

tile 0  |======___
tile 1       ___======___     over the overlap one fades out and the next one fades in: the weights add up to 1
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

OVERLAP = 96
"""Pixels that neighbours share. What moves further within a pair may come out differently near the edge of a tile."""

LEAST = 256
"""Pixels of a side: smaller tiles hold less of a motion than they save memory."""


def splits(height: int, width: int, count: int) -> bool:
    """Whether frames of that size may be cut into `count` x `count` tiles."""
    return max(height, width) >= LEAST * count


def in_tiles(
    left: Tensor, right: Tensor, count: int, generate: Callable[[Tensor, Tensor], list[Tensor]]
) -> list[Tensor]:
    """What `generate` makes of two frames, put together from `count` x `count` tiles of them.

    Args:
        left, right: (C, H, W).
        generate: makes any number of (C, h, w) frames from two tiles of that size.
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
    """`count` stretches that cover `size` pixels, fewer if it is short; and the weights of the pixels of each."""
    count = max(1, min(count, size // LEAST))
    length = -(-(size + (count - 1) * OVERLAP) // count)
    begins = [round(k * (size - length) / max(1, count - 1)) for k in range(count)]
    spans = []
    for k, begin in enumerate(begins):
        place = torch.arange(begin, begin + length, device=device) + 0.5
        weight = torch.ones(length, device=device)
        if k > 0:
            shared = begins[k - 1] + length - begin
            weight = weight.minimum((place - begin) / shared)
        if k + 1 < count:
            shared = begin + length - begins[k + 1]
            weight = weight.minimum((begin + length - place) / shared)
        spans.append((slice(begin, begin + length), weight))
    return spans
