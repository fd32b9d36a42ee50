"""Average splatting on the CPU: a numba kernel over channels-last rows.

Each thread owns a band of target rows, and reads in order the source rows that can reach the band. So there are no
atomic additions, and the result is the same, bit for bit, for any number of threads.
"""

import functools
from collections.abc import Callable

import numba
import numpy as np
import torch
from numba import float32, int64, uint64, void
from torch import Tensor

from vfi_cli.ops.bands_cpu import compile_kernel, in_bands

BAND = 64  # target rows that are summed at a time; their sums stay in the cache

_plane = numba.types.Array(float32, 2, "A")
_plane_out = numba.types.Array(float32, 2, "C")
_rows = numba.types.Array(float32, 3, "C")
_signature = void(_rows, _plane, _plane, float32, _rows, _plane_out, int64, int64)


@functools.cache
def _kernel(channels: int) -> Callable[..., None]:
    """The kernel for one number of channels. The compiler can unroll and vectorise because the number is a constant."""

    def splat_rows(
        x: np.ndarray,  # (H, W, C)
        dx: np.ndarray,  # (H, W)
        dy: np.ndarray,
        t: float,
        out: np.ndarray,  # (H, W, C); the kernel writes rows first to last
        weight: np.ndarray,  # (H, W); the kernel writes rows first to last
        first: int,
        last: int,
    ) -> None:
        H, W = dx.shape
        zero, one, width = float32(0), float32(1), float32(W)
        highest, lowest = np.empty(H, np.float32), np.empty(H, np.float32)  # extreme targets of each source row
        for y in range(H):
            highest[y], lowest[y] = H, -1
            for column in range(W):
                target_y = dy[y, column] * t + float32(y)
                highest[y] = target_y if target_y < highest[y] else highest[y]
                lowest[y] = target_y if target_y > lowest[y] else lowest[y]

        sums = np.empty((BAND + 2, W + 2, channels + 1), np.float32)  # the border takes what lands just outside
        for begin in range(first, last, BAND):
            end = min(begin + BAND, last)
            above, below = float32(begin - 1), float32(end)
            sums[:] = zero
            for y in range(H):
                if highest[y] >= below or lowest[y] <= above:
                    continue
                for column in range(W):
                    target_x = dx[y, column] * t + float32(column)
                    target_y = dy[y, column] * t + float32(y)
                    if not (-one < target_x < width and above < target_y < below):  # also true for NaN
                        continue
                    left = int64(target_x) if target_x >= zero else -1
                    top = int64(target_y) if target_y >= zero else -1
                    right_share, bottom_share = target_x - float32(left), target_y - float32(top)
                    left_share, top_share = one - right_share, one - bottom_share
                    # Unsigned, so that numba omits the wrap-around of negative indices.
                    i, j = uint64(top - begin + 1), uint64(left + 1)
                    i_next, j_next = i + uint64(1), j + uint64(1)
                    for c in range(channels + 1):
                        value = x[y, column, c] if c < channels else one
                        sums[i, j, c] += top_share * left_share * value
                        sums[i, j_next, c] += top_share * right_share * value
                        sums[i_next, j, c] += bottom_share * left_share * value
                        sums[i_next, j_next, c] += bottom_share * right_share * value
            for row in range(begin, end):
                for column in range(W):
                    i, j = uint64(row - begin + 1), uint64(column + 1)
                    total = sums[i, j, channels]
                    weight[row, column] = total
                    divisor = total if total > zero else one
                    for c in range(channels):
                        out[row, column, c] = sums[i, j, c] / divisor

    return compile_kernel(splat_rows, _signature)


def average_splat_numba(x: Tensor, flow: Tensor, t: float = 1.0) -> tuple[Tensor, Tensor]:
    """`average_splat` without gradients, for CPU tensors; fastest if `x` is channels-last fp32."""
    B, C, H, W = x.shape
    x_rows = x.detach().permute(0, 2, 3, 1).to(torch.float32).contiguous()
    flow = flow.detach().to(torch.float32)
    out, weight = x_rows.new_empty(B, H, W, C), x_rows.new_empty(B, 1, H, W)

    for image in range(B):
        dx, dy = flow[image].numpy()
        written = out[image].numpy(), weight[image, 0].numpy()
        in_bands(functools.partial(_kernel(C), x_rows[image].numpy(), dx, dy, t, *written), H)
    return out.permute(0, 3, 1, 2).to(x.dtype), weight
