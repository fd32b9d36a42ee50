"""CPU kernels of `compose`, compiled by numba. The references in `compose` define what they compute."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vfi_cli.ops.bands_cpu import bits, compile_kernel, in_bands, rows

Array = np.ndarray[Any, np.dtype[Any]]


@compile_kernel
def _fill_rows(
    warped_0: Array,  # (H, W, 3), filled in place
    warped_1: Array,
    weight_0: Array,  # (H, W, 1)
    weight_1: Array,
    frame_0: Array,  # (H, W, 3)
    frame_1: Array,
    t: float,
    hole: float,
    first: int,
    last: int,
) -> None:
    for y in range(first, last):
        for x in range(weight_0.shape[1]):
            hole_0, hole_1 = weight_0[y, x, 0] < hole, weight_1[y, x, 0] < hole
            if not (hole_0 or hole_1):
                continue
            for c in range(3):
                if hole_0 and hole_1:
                    unwarped = frame_0[y, x, c] + t * (frame_1[y, x, c] - frame_0[y, x, c])
                    warped_0[y, x, c] = unwarped
                    warped_1[y, x, c] = unwarped
                elif hole_0:
                    warped_0[y, x, c] = warped_1[y, x, c]
                else:
                    warped_1[y, x, c] = warped_0[y, x, c]


def fill_holes_numba(
    warped: tuple[Tensor, Tensor], weights: tuple[Tensor, Tensor], frames: tuple[Tensor, Tensor], t: float
) -> tuple[Tensor, Tensor]:
    """`compose.fill_holes`. Warped frames that are channels-last are filled in place."""
    from vfi_cli.ops.compose import HOLE

    filled = tuple(image.contiguous(memory_format=torch.channels_last) for image in warped)
    for image in range(len(filled[0])):
        arrays = [rows(x[image : image + 1]) for x in (*filled, *weights, *frames)]
        in_bands(partial(_fill_rows, *arrays, np.float32(t), np.float32(HOLE)), filled[0].shape[2])
    return filled[0], filled[1]


@compile_kernel
def _context_rows(
    warped: Array,  # (H, W, 3)
    other: Array,
    weight: Array,  # (H, W, 1)
    frame: Array,
    gain: float,
    out: Array,  # (H, W, 10) bits: uint16 of bfloat16, or uint32 of float32
    first: int,
    last: int,
) -> None:
    _, W, channels = out.shape
    halve = out.itemsize == 2
    row = np.empty(W * channels, np.float32)
    row_bits = row.view(np.uint32)
    for y in range(first, last):
        for x in range(W):
            k = x * channels
            row[k + 3] = min(weight[y, x, 0], np.float32(1))
            for c in range(3):
                value = warped[y, x, c]
                row[k + c] = value - np.float32(0.5)
                row[k + 4 + c] = gain * (value - other[y, x, c])
                row[k + 7 + c] = gain * (frame[y, x, c] - value)
        flat = out[y].reshape(W * channels)
        for k in range(W * channels):
            v = row_bits[k]
            if halve:  # round to nearest, ties to even
                v = (v + np.uint32(0x7FFF) + ((v >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
            flat[k] = v


def context_input_numba(
    warped: tuple[Tensor, Tensor], weights: tuple[Tensor, Tensor], frames: tuple[Tensor, Tensor], dtype: torch.dtype
) -> Tensor:
    """`compose.context_input` for one pair."""
    from vfi_cli.ops.compose import DIFFERENCE_GAIN

    _, _, H, W = warped[0].shape
    stacked = torch.empty(2, H, W, 10, dtype=dtype)
    left, right = rows(warped[0]), rows(warped[1])
    for image, (own, other) in enumerate(((left, right), (right, left))):
        out = bits(stacked[image])
        out = out if dtype == torch.bfloat16 else out.view(np.uint32)
        arrays = (own, other, rows(weights[image]), rows(frames[image]), np.float32(DIFFERENCE_GAIN), out)
        in_bands(partial(_context_rows, *arrays), H)
    return stacked.permute(0, 3, 1, 2)


@compile_kernel
def _cell_rows(
    warped_0: Array,  # (H, W, 3)
    warped_1: Array,
    weight_0: Array,  # (H, W, 1)
    weight_1: Array,
    frame_0: Array,  # (H, W, 3)
    frame_1: Array,
    out: Array,  # (7, H / cell, W / cell)
    first: int,
    last: int,
) -> None:
    H, W, _ = warped_0.shape
    cell = H // out.shape[1]
    columns = out.shape[2]
    one, half = np.float32(1), np.float32(0.5)
    per_value, per_pixel = one / np.float32(3 * cell * cell), one / np.float32(cell * cell)
    sums = np.empty((columns, 7), np.float32)
    for row in range(first, last):
        sums[:] = 0
        for y in range(row * cell, row * cell + cell):
            below = min(y + 1, H - 1)
            for x in range(W):
                right = min(x + 1, W - 1)
                into = sums[x // cell]
                for c in range(3):
                    left_warped, right_warped = warped_0[y, x, c], warped_1[y, x, c]
                    mean = half * (left_warped + right_warped)
                    into[0] += abs(left_warped - right_warped)
                    into[1] += abs(frame_0[y, x, c] - frame_1[y, x, c])
                    into[2] += abs(frame_0[y, x, c] - left_warped)
                    into[3] += abs(frame_1[y, x, c] - right_warped)
                    into[4] += abs(half * (warped_0[y, right, c] + warped_1[y, right, c]) - mean)
                    into[4] += abs(half * (warped_0[below, x, c] + warped_1[below, x, c]) - mean)
                into[5] += min(weight_0[y, x, 0], one)
                into[6] += min(weight_1[y, x, 0], one)
        for column in range(columns):
            for k in range(7):
                out[k, row, column] = sums[column, k] * (per_value if k < 5 else per_pixel)


def cell_statistics_numba(
    warped: tuple[Tensor, Tensor], weights: tuple[Tensor, Tensor], frames: tuple[Tensor, Tensor], cell: int
) -> Tensor:
    """`compose.cell_statistics` for one pair."""
    _, _, H, W = warped[0].shape
    out = torch.empty(1, 7, H // cell, W // cell)
    arrays = [rows(image) for image in (*warped, *weights, *frames)]
    in_bands(partial(_cell_rows, *arrays, out[0].numpy()), H // cell)
    return out


@compile_kernel
def _routing_rows(
    warped_0: Array,  # (H, W, 3)
    warped_1: Array,
    flow: Array,  # (H, W, 4)
    flow_scale: float,
    out: Array,  # (H / stride, W / stride, 13)
    first: int,
    last: int,
) -> None:
    stride = warped_0.shape[0] // out.shape[0]
    share = np.float32(1) / np.float32(stride * stride)
    for row in range(first, last):
        out[row] = 0
        for y in range(row * stride, row * stride + stride):
            for x in range(warped_0.shape[1]):
                into = out[row, x // stride]
                for c in range(3):
                    left, right = warped_0[y, x, c], warped_1[y, x, c]
                    into[c] += share * abs(left - right)
                    into[7 + c] += share * left
                    into[10 + c] += share * right
                for c in range(4):
                    into[3 + c] += share * flow_scale * flow[y, x, c]


def routing_input_numba(warped: tuple[Tensor, Tensor], flow: Tensor, flow_scale: float, stride: int) -> Tensor:
    """`compose.routing_input` for one pair."""
    _, _, H, W = flow.shape
    out = torch.empty(1, H // stride, W // stride, 13)
    arrays = [rows(image) for image in (*warped, flow)]
    in_bands(partial(_routing_rows, *arrays, np.float32(flow_scale), out[0].numpy()), H // stride)
    return out.permute(0, 3, 1, 2)


@compile_kernel
def _blend_rows(
    packed: Array,  # (h, w, 7 * s * s) bits: uint16 of bfloat16, or uint32 of float32
    logits: Array,  # (4, h, w), or empty
    left_warped: Array,  # (H, W, 3)
    right_warped: Array,
    left: Array,
    right: Array,
    near_left: float,
    near_right: float,
    out: Array,  # (H, W, 3)
    first: int,
    last: int,
) -> None:
    h, w, channels = packed.shape
    folded = channels // 7
    stride = out.shape[0] // h
    shift = np.uint32(16 if packed.itemsize == 2 else 0)
    row_bits = np.empty(w * channels, np.uint32)
    row = row_bits.view(np.float32)
    for coarse_y in range(first, last):
        flat = packed[coarse_y].reshape(w * channels)
        for k in range(w * channels):
            row_bits[k] = np.uint32(flat[k]) << shift
        for candidate in range(len(logits)):
            for coarse_x in range(w):
                k = coarse_x * channels + candidate * folded
                for cell in range(folded):
                    row[k + cell] += logits[candidate, coarse_y, coarse_x]
        for fine_y in range(stride):
            y = coarse_y * stride + fine_y
            for x in range(w * stride):
                k = (x // stride) * channels + fine_y * stride + x % stride
                share_0 = np.exp(row[k]) * near_left
                share_1 = np.exp(row[k + folded]) * near_right
                share_2 = np.exp(row[k + 2 * folded]) * near_left
                share_3 = np.exp(row[k + 3 * folded]) * near_right
                scale = np.float32(1) / (share_0 + share_1 + share_2 + share_3)
                for c in range(3):
                    mixed = share_0 * left_warped[y, x, c] + share_1 * right_warped[y, x, c]
                    mixed += share_2 * left[y, x, c] + share_3 * right[y, x, c]
                    out[y, x, c] = mixed * scale + row[k + (4 + c) * folded]


def blend_numba(packed: Tensor, candidates: Sequence[Tensor], t: float, logits: Tensor | None) -> Tensor:
    """`compose.blend` for one image and four hypotheses."""
    _, _, H, W = candidates[0].shape
    out = torch.empty(1, H, W, 3)
    folded = rows(packed)
    folded = folded if packed.dtype == torch.bfloat16 else folded.view(np.uint32)
    sources = [rows(candidate) for candidate in candidates]
    shares = np.float32(1 - t), np.float32(t)
    more = np.empty((0, 0, 0), np.float32) if logits is None else logits[0].contiguous().numpy()
    in_bands(partial(_blend_rows, folded, more, *sources, *shares, out[0].numpy()), packed.shape[2])
    return out.permute(0, 3, 1, 2)
