"""CPU kernel of `patches.gather_patches`, compiled by numba."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vfi_cli.ops.bands_cpu import bits, compile_kernel, in_bands

Array = np.ndarray[Any, np.dtype[Any]]


@compile_kernel
def _copy_patches(image: Array, index: Array, out: Array, offset: int, first: int, last: int) -> None:
    """Patches `index[first:last]` of (H, W, c) -> channels from `offset` of (K, patch, patch, C)."""
    H, W, channels = image.shape
    patch = out.shape[1]
    columns = W // patch
    count = columns * (H // patch)
    for k in range(first, last):
        source = min(index[k], count - 1)
        top, left = source // columns * patch, source % columns * patch
        for y in range(patch):
            for x in range(patch):
                for c in range(channels):
                    out[k, y, x, offset + c] = image[top + y, left + x, c]


def gather_patches_numba(images: Sequence[Tensor], patches: Tensor, index: Tensor) -> Tensor:
    """`patches.gather_patches`."""
    P, C, patch, _ = patches.shape
    # Patches below each other are an image one patch wide.
    column = patches.permute(0, 2, 3, 1).reshape(P * patch, patch, C)
    parts = [*(image[0].permute(1, 2, 0).contiguous() for image in images), column]
    channels = sum(part.shape[2] for part in parts)
    stacked = torch.empty(len(index), patch, patch, channels, dtype=patches.dtype)
    sources, out, order = [bits(part) for part in parts], bits(stacked), index.numpy()

    def work(first: int, last: int) -> None:
        offset = 0
        for source in sources:
            _copy_patches(source, order, out, offset, first, last)
            offset += source.shape[2]

    if len(index):
        in_bands(work, len(index))
    return stacked.permute(0, 3, 1, 2)
