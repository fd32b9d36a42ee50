"""CPU kernel of `correlation`, compiled by numba. It multiplies only the pixels that the cost volume needs."""

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
_gradient_signature = void(_rows, _rows, _rows, int64, _rows, _rows, int64, int64)


@functools.cache
def _kernel(channels: int) -> Callable[..., None]:
    """The kernel for one number of channels. The compiler can vectorise because the number is a constant."""

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


@functools.cache
def _gradient_kernel(channels: int) -> Callable[..., None]:
    """The kernel of both gradients, row by row: each pixel gathers from all pixels that it was multiplied with."""

    def gradient_rows(
        f0: Array, f1: Array, grad: Array, radius: int, grad_0: Array, grad_1: Array, first: int, last: int
    ) -> None:
        H, W, _ = f0.shape
        side = 2 * radius + 1
        scale = float32(1.0 / channels)
        for y in range(first, last):
            for x in range(W):
                for dy in range(-radius, radius + 1):
                    for dx in range(-radius, radius + 1):
                        k = (dy + radius) * side + dx + radius
                        if 0 <= y + dy < H and 0 <= x + dx < W:
                            share = scale * grad[y, x, k]
                            for c in range(channels):
                                grad_0[y, x, c] += share * f1[y + dy, x + dx, c]
                        if 0 <= y - dy < H and 0 <= x - dx < W:
                            share = scale * grad[y - dy, x - dx, k]
                            for c in range(channels):
                                grad_1[y, x, c] += share * f0[y - dy, x - dx, c]

    return compile_kernel(gradient_rows, _gradient_signature, reorder=True)


OPERATOR, BACKWARD = "vfi::cost_volume", "vfi::cost_volume_backward"
torch.library.define(OPERATOR, "(Tensor f0, Tensor f1, int radius) -> Tensor")
torch.library.define(BACKWARD, "(Tensor grad, Tensor f0, Tensor f1, int radius) -> (Tensor, Tensor)")


def cost_volume_numba(f0: Tensor, f1: Tensor, radius: int) -> Tensor:
    """`correlation.cost_volume` for float32 features, differentiable in both; fastest if they are channels-last.

    It is one operator to autograd and torch.compile.
    """
    volume: Tensor = torch.ops.vfi.cost_volume(f0, f1, radius)
    return volume


@torch.library.impl(OPERATOR, "cpu")
def _cost_volume(f0: Tensor, f1: Tensor, radius: int) -> Tensor:
    B, C, H, W = f0.shape
    out = torch.empty(B, H, W, (2 * radius + 1) ** 2)
    for one, other, into in zip(_by_pixel(f0), _by_pixel(f1), out, strict=True):
        in_bands(functools.partial(_kernel(C), one.numpy(), other.numpy(), radius, into.numpy()), H)
    return out.permute(0, 3, 1, 2)


@torch.library.impl(BACKWARD, "cpu")
def _cost_volume_backward(grad: Tensor, f0: Tensor, f1: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    B, C, H, W = f0.shape
    grads = torch.zeros(B, H, W, C), torch.zeros(B, H, W, C)
    for arrays in zip(_by_pixel(f0), _by_pixel(f1), _by_pixel(grad), *grads, strict=True):
        one, other, of_volume, into_0, into_1 = (x.numpy() for x in arrays)
        in_bands(functools.partial(_gradient_kernel(C), one, other, of_volume, radius, into_0, into_1), H)
    grad_0, grad_1 = (x.permute(0, 3, 1, 2) for x in grads)
    return grad_0, grad_1


def _by_pixel(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H, W, C)."""
    return x.detach().permute(0, 2, 3, 1).contiguous()


def _cost_volume_fake(f0: Tensor, f1: Tensor, radius: int) -> Tensor:
    B, _, H, W = f0.shape
    return f0.new_empty(B, H, W, (2 * radius + 1) ** 2).permute(0, 3, 1, 2)


def _backward_fake(grad: Tensor, f0: Tensor, f1: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    one, other = (torch.empty_like(f, memory_format=torch.channels_last) for f in (f0, f1))
    return one, other


torch.library.register_fake(OPERATOR, _cost_volume_fake)
torch.library.register_fake(BACKWARD, _backward_fake)


def _setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int], output: Tensor) -> None:
    f0, f1, ctx.radius = inputs
    ctx.save_for_backward(f0, f1)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
    grad_0, grad_1 = torch.ops.vfi.cost_volume_backward(grad, *ctx.saved_tensors, ctx.radius)
    return grad_0, grad_1, None


torch.library.register_autograd(OPERATOR, _backward, setup_context=_setup_context)
