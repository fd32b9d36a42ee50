"""Average splatting (forward warp): move pixels along a flow, and take the mean where several land.

`average_splat` is one operator, `vfi::average_splat`, to autograd, torch.compile and CUDA graphs. It runs a numba
kernel on the CPU, a CuPy kernel on CUDA, and otherwise the reference `average_splat_torch`.
"""

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

Splat = Callable[[Tensor, Tensor, float], tuple[Tensor, Tensor]]


def average_splat(x: Tensor, flow: Tensor, t: float = 1.0) -> tuple[Tensor, Tensor]:
    """Forward-warp `x` along `t * flow`: "average splatting" of Niklaus and Liu, CVPR 2020; as in EBME, WACV 2023.

    Every pixel is distributed to the 4 pixels around its target, with bilinear weights. Shares that land outside of the
    image are lost. Nothing is summed in half precision. Differentiable once in `x` and `flow`; at whole-pixel targets
    the derivative in flow is one-sided.

    Args:
        x: (B, C, H, W), fp32, fp16, bf16 or fp64; channels-last is read without a copy.
        flow: (B, 2, H, W), (dx, dy) in pixels, from the pixels of `x` to their targets at t = 1. A pixel whose flow is
            not finite is dropped.
        t: factor on the flow.

    Returns:
        The weighted mean (B, C, H, W), channels-last, in the data type of `x`, and the sum of weights (B, 1, H, W) in
        fp32 (fp64 for fp64). Both are exactly 0 where no pixel lands.

    Raises:
        ValueError: the shapes do not fit.
    """
    if x.ndim != 4 or flow.shape != (x.shape[0], 2, *x.shape[2:]):
        raise ValueError(f"x (B, C, H, W), flow (B, 2, H, W) expected: {tuple(x.shape)}, {tuple(flow.shape)}")
    out, weight = torch.ops.vfi.average_splat(x, flow, t)
    return out, weight


def splat_by(x: Tensor, flow: Tensor, share: float | Tensor) -> tuple[Tensor, Tensor]:
    """`average_splat` along `share` times the flow; `share` is one number, or one per image (B, 1, 1, 1)."""
    return average_splat(x, flow * share) if isinstance(share, Tensor) else average_splat(x, flow, share)


def average_splat_torch(x: Tensor, flow: Tensor, t: float = 1.0) -> tuple[Tensor, Tensor]:
    """The reference of `average_splat`, on any device."""
    B, C, H, W = x.shape
    dtype = _sum_dtype(x)
    target_x, target_y, lands = _targets(flow, t, dtype)
    target_x, target_y = target_x.where(lands, 0), target_y.where(lands, 0)
    left, top = target_x.detach().floor(), target_y.detach().floor()
    right_share, bottom_share = target_x - left, target_y - top

    first_row = torch.arange(B, device=x.device).view(B, 1, 1) * (H * W)
    nowhere = B * H * W  # index of a spare row, for shares that land outside
    values = x.to(dtype).permute(0, 2, 3, 1)  # (B, H, W, C)
    values = torch.cat([values, values.new_ones(B, H, W, 1)], 3)
    sums = values.new_zeros(nowhere + 1, C + 1)
    for right in (0, 1):
        for bottom in (0, 1):
            column, row = left.long() + right, top.long() + bottom
            inside = lands & (column >= 0) & (column < W) & (row >= 0) & (row < H)
            index = torch.where(inside, first_row + row * W + column, nowhere)
            share_x = right_share if right else 1 - right_share
            share_y = bottom_share if bottom else 1 - bottom_share
            shares = (values * (share_x * share_y).unsqueeze(3)).reshape(nowhere, C + 1)
            sums.scatter_add_(0, index.reshape(nowhere, 1).expand(-1, C + 1), shares)
    sums = sums[:nowhere].view(B, H, W, C + 1).permute(0, 3, 1, 2)
    weight = sums[:, C:]
    out = sums[:, :C] / weight.where(weight > 0, 1)
    return out.to(x.dtype).contiguous(memory_format=torch.channels_last), weight.contiguous()


def _sum_dtype(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def _targets(flow: Tensor, t: float, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """The target x and y of each pixel, and whether a share of it lands inside the image; each (B, H, W)."""
    _, _, H, W = flow.shape
    flow = flow.to(dtype) * t
    target_x = flow[:, 0] + torch.arange(W, dtype=dtype, device=flow.device)
    target_y = flow[:, 1] + torch.arange(H, dtype=dtype, device=flow.device)[:, None]
    lands = (target_x > -1) & (target_x < W) & (target_y > -1) & (target_y < H)  # False for NaN
    return target_x, target_y, lands


@functools.cache
def _kernel(device: str) -> Splat:
    if device == "cpu" and importlib.util.find_spec("numba"):
        from vfi_cli.ops.splat_cpu import average_splat_numba

        return average_splat_numba
    if device == "cuda" and importlib.util.find_spec("cupy"):
        from vfi_cli.ops.splat_cuda import average_splat_cupy, can_compile

        if can_compile():
            return average_splat_cupy
    return average_splat_torch


# Not torch.library.custom_op, because its first call imports torch._dynamo, which takes most of a second.
OPERATOR = "vfi::average_splat"
torch.library.define(OPERATOR, "(Tensor x, Tensor flow, float t) -> (Tensor, Tensor)")


@torch.library.impl(OPERATOR, "default")
def _average_splat(x: Tensor, flow: Tensor, t: float) -> tuple[Tensor, Tensor]:
    splat = average_splat_torch if x.dtype == torch.float64 else _kernel(x.device.type)
    return splat(x, flow, t)


def _average_splat_fake(x: Tensor, flow: Tensor, t: float) -> tuple[Tensor, Tensor]:
    B, _, H, W = x.shape
    out = torch.empty_like(x, memory_format=torch.channels_last)
    return out, x.new_empty(B, 1, H, W, dtype=_sum_dtype(x))


torch.library.register_fake(OPERATOR, _average_splat_fake)


def _setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, float], output: tuple[Tensor, Tensor]) -> None:
    x, flow, ctx.t = inputs
    ctx.save_for_backward(x, flow, *output)


def _backward(ctx: Any, grad_out: Tensor, grad_weight: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
    """The adjoint of splatting is bilinear sampling: every pixel samples the gradient at its target."""
    x, flow, out, weight = ctx.saved_tensors
    _, C, H, W = x.shape
    # fp64, because gradients grow as 1 / weight: the error of a share must be far below the smallest weight.
    grad_sum = grad_out.double() / weight.where(weight > 0, 1)
    grad = torch.cat([grad_sum, grad_weight - (grad_sum * out).sum(1, keepdim=True)], 1)

    target_x, target_y, lands = _targets(flow, ctx.t, weight.dtype)
    target = torch.stack([target_x, target_y], 3).where(lands.unsqueeze(3), -2).double()
    pixel = target.new_tensor([2 / W, 2 / H])  # size of a pixel for grid_sample, where the image spans -1 to 1
    grid = (target + 0.5) * pixel - 1
    grad_x = grad_flow = None
    if ctx.needs_input_grad[0]:
        grad_x = grid_sample(grad[:, :C], grid, align_corners=False).to(x.dtype)
    if ctx.needs_input_grad[1]:
        values = torch.cat([x, torch.ones_like(x[:, :1])], 1).double()
        bilinear = zeros = 0
        _, grad_grid = torch.ops.aten.grid_sampler_2d_backward(
            values, grad, grid, bilinear, zeros, False, [False, True]
        )
        grad_flow = (grad_grid * pixel * ctx.t).permute(0, 3, 1, 2).to(flow.dtype)
    return grad_x, grad_flow, None


torch.library.register_autograd(OPERATOR, _backward, setup_context=_setup_context)
