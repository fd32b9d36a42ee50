"""Average splatting on the CPU: a numba kernel over channels-last rows.

No atomics, and the same bits for any number of threads: a band of target rows belongs to one thread, which
reads, in order, the source rows that can reach it.
"""

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import torch
from numba import float32, int64, void
from torch import Tensor

BAND = 32  # target rows summed at a time: for 3 channels at 1280 columns the sums stay in a 1 MB L2 cache

_plane = numba.types.Array(float32, 2, "A")
_plane_out = numba.types.Array(float32, 2, "C")
_rows = numba.types.Array(float32, 3, "C")
_signature = void(_rows, _plane, _plane, float32, int64, int64, _rows, _plane_out)


def _compile(function: Callable[..., None]) -> Callable[..., None]:
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(_signature, cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache can be written
        return numba.njit(_signature, **options)(function)


@functools.cache
def _kernel(channels: int) -> Callable[..., None]:
    """The kernel for one channel count: as a constant it lets the compiler unroll and vectorise."""

    def splat_rows(
        x: np.ndarray,  # (H, W, C)
        dx: np.ndarray,  # (H, W)
        dy: np.ndarray,
        t: float,
        first: int,
        last: int,
        out: np.ndarray,  # (H, W, C): rows first to last are written
        weight: np.ndarray,  # (H, W): likewise
    ) -> None:
        H, W = dx.shape
        zero, one = float32(0), float32(1)
        highest, lowest = np.empty(H, np.float32), np.empty(H, np.float32)  # where each source row reaches
        for y in range(H):
            highest[y], lowest[y] = H, -1
            for column in range(W):
                target_y = dy[y, column] * t + float32(y)
                highest[y] = target_y if target_y < highest[y] else highest[y]
                lowest[y] = target_y if target_y > lowest[y] else lowest[y]

        sums = np.empty((BAND + 2, W + 2, channels + 1), np.float32)  # a border takes what falls just outside
        for begin in range(first, last, BAND):
            end = min(begin + BAND, last)
            sums[:] = zero
            for y in range(H):
                if highest[y] >= end or lowest[y] <= begin - 1:
                    continue
                for column in range(W):
                    target_x = dx[y, column] * t + float32(column)
                    target_y = dy[y, column] * t + float32(y)
                    if not (-1 < target_x < W and begin - 1 < target_y < end):  # so written, NaN is dropped
                        continue
                    left = int64(target_x) if target_x >= zero else -1
                    top = int64(target_y) if target_y >= zero else -1
                    right_share, bottom_share = target_x - float32(left), target_y - float32(top)
                    for bottom in range(2):
                        row_share = bottom_share if bottom else one - bottom_share
                        for right in range(2):
                            share = row_share * (right_share if right else one - right_share)
                            cell = sums[top + bottom - begin + 1, left + right + 1]
                            for c in range(channels):
                                cell[c] += share * x[y, column, c]
                            cell[channels] += share
            for row in range(begin, end):
                for column in range(W):
                    cell = sums[row - begin + 1, column + 1]
                    weight[row, column] = cell[channels]
                    divisor = cell[channels] if cell[channels] > zero else one
                    for c in range(channels):
                        out[row, column, c] = cell[c] / divisor

    return _compile(splat_rows)


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="splat")


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


def average_splat_numba(x: Tensor, flow: Tensor, t: float = 1.0) -> tuple[Tensor, Tensor]:
    """`average_splat` without gradients for CPU tensors; fastest where `x` is channels_last fp32."""
    B, C, H, W = x.shape
    x_rows = x.detach().permute(0, 2, 3, 1).to(torch.float32).contiguous()
    flow = flow.detach().to(torch.float32)
    out, weight = x_rows.new_empty(B, H, W, C), x_rows.new_empty(B, 1, H, W)

    kernel = _kernel(C)
    threads = torch.get_num_threads()
    cuts = [H * i // threads for i in range(threads + 1)]

    def work(image: int, first: int, last: int) -> None:
        dx, dy = flow[image].numpy()
        kernel(x_rows[image].numpy(), dx, dy, t, first, last, out[image].numpy(), weight[image, 0].numpy())

    tasks = [(image, first, last) for image in range(B) for first, last in itertools.pairwise(cuts)]
    if threads == 1:
        for task in tasks:
            work(*task)
    else:
        list(_pool(threads).map(lambda task: work(*task), tasks))
    return out.permute(0, 3, 1, 2).to(x.dtype), weight
