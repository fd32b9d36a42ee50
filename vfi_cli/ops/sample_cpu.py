"""CPU kernels of `sample`, compiled by numba; see there for what they compute."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import torch
from numba import float32, int64, uint64, void
from torch import Tensor

from vfi_cli.ops.bands_cpu import compile_kernel, in_bands

SHARPNESS = -0.75
"""a of Keys' cubic kernel, as torch has it."""

_plane = numba.types.Array(float32, 2, "A")
_rows = numba.types.Array(float32, 3, "C")
_signature = void(_rows, _plane, _plane, _rows, int64, int64)

Array = np.ndarray[Any, np.dtype[Any]]


@functools.cache
def _kernel(channels: int, taps: int) -> Callable[..., None]:
    """The kernel for a number of channels, and of pixels read along each axis: 2 bilinear, 4 the sharp mean."""
    before = taps // 2 - 1
    a = float32(SHARPNESS)

    @numba.njit(inline="always")
    def fill(shares: Array, f: float) -> None:
        """The weights of the pixels along an axis, where the place is f of the way between the middle two."""
        one, g = float32(1), float32(1) - f
        if taps == 2:
            shares[0], shares[1] = g, f
        else:
            shares[0], shares[3] = a * f * g * g, a * g * f * f
            shares[1] = ((a + float32(2)) * f - (a + float32(3))) * f * f + one
            shares[2] = ((a + float32(2)) * g - (a + float32(3))) * g * g + one

    def sample_rows(x: Array, dx: Array, dy: Array, out: Array, first: int, last: int) -> None:
        H, W, _ = x.shape
        zero, half, one = float32(0), float32(0.5), float32(1)
        # Far outside the border repeats; nearer coordinates keep the conversion to an integer safe.
        reach_x, reach_y = float32(W + taps), float32(H + taps)
        shares_x, shares_y = np.empty(taps, np.float32), np.empty(taps, np.float32)
        weights = np.empty(taps * taps, np.float32)
        flat = x.reshape(H * W * channels)
        scale = half if taps == 4 else one
        for y in range(first, last):
            for column in range(W):
                at_x, at_y = float32(column) + dx[y, column], float32(y) + dy[y, column]
                at_x = min(max(at_x, -float32(taps)), reach_x) if at_x == at_x else zero
                at_y = min(max(at_y, -float32(taps)), reach_y) if at_y == at_y else zero
                left, top = int64(np.floor(at_x)), int64(np.floor(at_y))
                right_share, bottom_share = at_x - float32(left), at_y - float32(top)
                fill(shares_x, right_share)
                fill(shares_y, bottom_share)
                for row in range(taps):
                    for k in range(taps):
                        weights[row * taps + k] = scale * shares_y[row] * shares_x[k]
                if taps == 4:  # rows and columns 1 and 2 are those that bilinear weights read
                    weights[5] += scale * (one - bottom_share) * (one - right_share)
                    weights[6] += scale * (one - bottom_share) * right_share
                    weights[9] += scale * bottom_share * (one - right_share)
                    weights[10] += scale * bottom_share * right_share
                left, top = left - before, top - before
                if 0 <= left <= W - taps and 0 <= top <= H - taps:
                    start = uint64((top * W + left) * channels)
                    for c in range(channels):
                        value = zero
                        for row in range(taps):
                            for k in range(taps):
                                value += (
                                    weights[row * taps + k]
                                    * flat[start + uint64(row * W * channels + k * channels + c)]
                                )
                        out[y, column, c] = value
                    continue
                for c in range(channels):
                    value = zero
                    for row in range(taps):
                        line = min(max(top + row, 0), H - 1)
                        for k in range(taps):
                            value += weights[row * taps + k] * x[line, min(max(left + k, 0), W - 1), c]
                    out[y, column, c] = value

    return compile_kernel(sample_rows, _signature, reorder=True)


def sample_numba(x: Tensor, flow: Tensor, taps: int) -> Tensor:
    """`sample.sample` with 2 taps, `sample.sample_sharp` with 4; channels_last, and fastest where x is."""
    rows = x.permute(0, 2, 3, 1).contiguous()
    out = torch.empty_like(rows)
    kernel = _kernel(x.shape[1], taps)
    for image, (dx, dy), into in zip(rows, flow.float(), out, strict=True):
        in_bands(functools.partial(kernel, image.numpy(), dx.numpy(), dy.numpy(), into.numpy()), len(into))
    return out.permute(0, 3, 1, 2)
