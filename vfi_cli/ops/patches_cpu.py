"""CPU kernel of `patches.gather_patches`, compiled by numba."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vfi_cli.ops.bands_cpu import bits, compile_kernel, in_bands

Array = np.ndarray[Any, np.dtype[Any]]

WORDS = {2: np.uint16, 4: np.uint32, 8: np.uint64}
"""Integer types by their size in bytes."""


@compile_kernel
def _copy_patches(image: Array, index: Array, out: Array, offset: int, first: int, last: int) -> None:
    """Copy patches `index[first:last]` of an image (H, W, n words) into `out` (K, patch, patch, N), at `offset`."""
    H, W, words = image.shape
    patch = out.shape[1]
    columns = W // patch
    count = columns * (H // patch)
    for k in range(first, last):
        source = min(index[k], count - 1)
        top, left = source // columns * patch, source % columns * patch
        for y in range(patch):
            for x in range(patch):
                for word in range(words):
                    out[k, y, x, offset + word] = image[top + y, left + x, word]


def gather_patches_numba(images: Sequence[Tensor], patches: Tensor, index: Tensor) -> Tensor:
    """`patches.gather_patches`."""
    P, C, patch, _ = patches.shape
    # Stacked patches are an image that is one patch wide.
    column = patches.permute(0, 2, 3, 1).reshape(P * patch, patch, C)
    parts = [*(image[0].permute(1, 2, 0).contiguous() for image in images), column]
    channels = [part.shape[2] for part in parts]
    stacked = torch.empty(len(index), patch, patch, sum(channels), dtype=patches.dtype)
    # Values are only copied, so the kernel copies the widest words that all parts allow.
    word = WORDS[min(8, math.gcd(*channels, 8) * patches.itemsize)]
    sources, out, order = [bits(part).view(word) for part in parts], bits(stacked).view(word), index.numpy()

    def work(first: int, last: int) -> None:
        offset = 0
        for source in sources:
            _copy_patches(source, order, out, offset, first, last)
            offset += source.shape[2]

    if len(index):
        in_bands(work, len(index))
    return stacked.permute(0, 3, 1, 2)
