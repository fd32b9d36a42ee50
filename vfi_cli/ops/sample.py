"""Backward warp: sample an image where a flow points. These are torch references; numba kernels do it on the CPU."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vfi_cli.ops.bands_cpu import runs_here


def sample(x: Tensor, flow: Tensor) -> Tensor:
    """Backward warp, out(p) = x(p + flow(p)), with bilinear weights; border pixels are repeated outside of x.

    Differentiable in x and flow.

    Args:
        x: (B, C, H, W) float32.
        flow: (B, 2, H, W), (dx, dy) in pixels, from a pixel of the result to its position in x.

    Returns:
        (B, C, H, W) float32.
    """
    if runs_here(x, flow):
        from vfi_cli.ops.sample_cpu import sample_numba

        return sample_numba(x, flow, sharp=False)
    return _read(x, _grid(flow), "bilinear")


def sample_sharp(x: Tensor, flow: Tensor) -> Tensor:
    """`sample` with the mean of bilinear and cubic weights (Keys, 1981, a = -3/4).

    Half way between two pixels, bilinear weights remove most of the fine detail. Cubic weights keep the detail, and the
    noise too. Values may overshoot the range of x a little.
    """
    if runs_here(x, flow):
        from vfi_cli.ops.sample_cpu import sample_numba

        return sample_numba(x, flow, sharp=True)
    grid = _grid(flow)
    return (_read(x, grid, "bilinear") + _read(x, grid, "bicubic")) / 2


def _grid(flow: Tensor) -> Tensor:
    """The sampling positions (B, H, W, 2) in the units of grid_sample, where the image spans -1 to 1."""
    _, _, H, W = flow.shape
    columns = torch.arange(0.5, W, device=flow.device) + flow[:, 0]
    rows = torch.arange(0.5, H, device=flow.device)[:, None] + flow[:, 1]
    # Python numbers, because a tensor of them would be copied from the host, which waits for the device.
    return torch.stack((columns * (2 / W) - 1, rows * (2 / H) - 1), 3)


def _read(x: Tensor, grid: Tensor, mode: str) -> Tensor:
    return F.grid_sample(x, grid, mode=mode, padding_mode="border", align_corners=False)
