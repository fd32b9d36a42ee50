"""CPU kernels of `sample`, compiled by numba. The references in `sample` define what they compute."""

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
"""a of Keys' cubic kernel; torch uses the same value."""

_plane = numba.types.Array(float32, 2, "A")
_rows = numba.types.Array(float32, 3, "C")
_signature = void(_rows, _plane, _plane, _rows, int64, int64)

Array = np.ndarray[Any, np.dtype[Any]]


@functools.cache
def _soft_kernel(channels: int) -> Callable[..., None]:
    """The kernel of bilinear weights for one number of channels."""

    def sample_rows(x: Array, dx: Array, dy: Array, out: Array, first: int, last: int) -> None:
        H, W, _ = x.shape
        one = float32(1)
        flat = x.reshape(H * W * channels)
        for y in range(first, last):
            for column in range(W):
                at_x, at_y = _near(float32(column) + dx[y, column], W), _near(float32(y) + dy[y, column], H)
                left, top = int64(np.floor(at_x)), int64(np.floor(at_y))
                right_share, bottom_share = at_x - float32(left), at_y - float32(top)
                line_0, line_1 = _inside(top, H), _inside(top + 1, H)
                column_0, column_1 = _inside(left, W), _inside(left + 1, W)
                corner_00 = uint64((line_0 * W + column_0) * channels)
                corner_01 = uint64((line_0 * W + column_1) * channels)
                corner_10 = uint64((line_1 * W + column_0) * channels)
                corner_11 = uint64((line_1 * W + column_1) * channels)
                for c in range(channels):
                    at = uint64(c)
                    upper = (one - right_share) * flat[corner_00 + at] + right_share * flat[corner_01 + at]
                    lower = (one - right_share) * flat[corner_10 + at] + right_share * flat[corner_11 + at]
                    out[y, column, c] = (one - bottom_share) * upper + bottom_share * lower

    return compile_kernel(sample_rows, _signature, reorder=True)


@functools.cache
def _sharp_kernel(channels: int) -> Callable[..., None]:
    """The kernel of mean bilinear and cubic weights: first vertical, for four pixels of a row, then horizontal."""

    def sample_rows(x: Array, dx: Array, dy: Array, out: Array, first: int, last: int) -> None:
        H, W, _ = x.shape
        half, one = float32(0.5), float32(1)
        flat = x.reshape(H * W * channels)
        row = uint64(W * channels)
        cubic, linear = np.empty(4 * channels, np.float32), np.empty(4 * channels, np.float32)
        for y in range(first, last):
            for column in range(W):
                at_x, at_y = _near(float32(column) + dx[y, column], W), _near(float32(y) + dy[y, column], H)
                left, top = int64(np.floor(at_x)), int64(np.floor(at_y))
                right_share, bottom_share = at_x - float32(left), at_y - float32(top)
                x0, x1, x2, x3 = _keys(right_share)
                y0, y1, y2, y3 = _keys(bottom_share)
                left, top = left - 1, top - 1
                if 0 <= left <= W - 4 and 0 <= top <= H - 4:
                    start = uint64((top * W + left) * channels)
                    for k in range(4 * channels):
                        above = start + uint64(k)
                        upper, lower = flat[above + row], flat[above + row + row]
                        linear[k] = (one - bottom_share) * upper + bottom_share * lower
                        cubic[k] = y0 * flat[above] + y1 * upper + y2 * lower + y3 * flat[above + row + row + row]
                else:
                    for k in range(4):
                        place = _inside(left + k, W)
                        for c in range(channels):
                            upper, lower = x[_inside(top + 1, H), place, c], x[_inside(top + 2, H), place, c]
                            linear[k * channels + c] = (one - bottom_share) * upper + bottom_share * lower
                            cubic[k * channels + c] = (
                                y0 * x[_inside(top, H), place, c]
                                + y1 * upper
                                + y2 * lower
                                + y3 * x[_inside(top + 3, H), place, c]
                            )
                for c in range(channels):
                    soft = (one - right_share) * linear[channels + c] + right_share * linear[2 * channels + c]
                    sharp = (
                        x0 * cubic[c]
                        + x1 * cubic[channels + c]
                        + x2 * cubic[2 * channels + c]
                        + x3 * cubic[3 * channels + c]
                    )
                    out[y, column, c] = half * (soft + sharp)

    return compile_kernel(sample_rows, _signature, reorder=True)


@numba.njit(inline="always")
def _near(place: Any, side: int) -> Any:
    """A position, limited to just outside of the image so that int64 cannot overflow; NaN becomes 0."""
    bounded = min(max(place, -float32(4)), float32(side + 4))
    return bounded if place == place else float32(0)


@numba.njit(inline="always")
def _inside(place: Any, side: int) -> Any:
    return min(max(place, 0), side - 1)


@numba.njit(inline="always")
def _keys(f: Any) -> Any:
    """Cubic weights of four pixels, for a position at the fraction f between the middle two."""
    a, one, g = float32(SHARPNESS), float32(1), float32(1) - f
    second = ((a + float32(2)) * f - (a + float32(3))) * f * f + one
    third = ((a + float32(2)) * g - (a + float32(3))) * g * g + one
    return a * f * g * g, second, third, a * g * f * f


def sample_numba(x: Tensor, flow: Tensor, *, sharp: bool) -> Tensor:
    """`sample.sample`, or `sample.sample_sharp`. The result is channels-last; fastest if x is channels-last too."""
    rows = x.permute(0, 2, 3, 1).contiguous()
    out = torch.empty_like(rows)
    kernel = (_sharp_kernel if sharp else _soft_kernel)(x.shape[1])
    for image, (dx, dy), into in zip(rows, flow.float(), out, strict=True):
        in_bands(functools.partial(kernel, image.numpy(), dx.numpy(), dy.numpy(), into.numpy()), len(into))
    return out.permute(0, 3, 1, 2)
