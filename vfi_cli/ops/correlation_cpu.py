"""CPU kernel of `correlation`, compiled by numba: no product of pixels that do not meet."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import torch
from numba import float32, int64, void
from torch import Tensor

from vfi_cli.ops.bands_cpu import compile_kernel, in_bands

Array = np.ndarray[Any, np.dtype[Any]]

_rows = numba.types.Array(float32, 3, "C")
_signature = void(_rows, _rows, int64, _rows, int64, int64)


@functools.cache
def _kernel(channels: int) -> Callable[..., None]:
    """The kernel for one channel count: as a constant it lets the compiler vectorise."""

    def volume_rows(f0: Array, f1: Array, radius: int, out: Array, first: int, last: int) -> None:
        H, W, _ = f0.shape
        scale = float32(1.0 / channels)
        for y in range(first, last):
            for x in range(W):
                k = 0
                for other_y in range(y - radius, y + radius + 1):
                    for other_x in range(x - radius, x + radius + 1):
                        total = float32(0)
                        if 0 <= other_y < H and 0 <= other_x < W:
                            for c in range(channels):
                                total += f0[y, x, c] * f1[other_y, other_x, c]
                        out[y, x, k] = total * scale
                        k += 1

    return compile_kernel(volume_rows, _signature, reorder=True)


def cost_volume_numba(f0: Tensor, f1: Tensor, radius: int) -> Tensor:
    """`correlation.cost_volume` of float32 features without gradients; fastest where they are channels_last."""
    B, C, H, W = f0.shape
    rows_0, rows_1 = (f.detach().permute(0, 2, 3, 1).contiguous() for f in (f0, f1))
    out = torch.empty(B, H, W, (2 * radius + 1) ** 2)
    for one, other, into in zip(rows_0, rows_1, out, strict=True):
        in_bands(functools.partial(_kernel(C), one.numpy(), other.numpy(), radius, into.numpy()), H)
    return out.permute(0, 3, 1, 2)
