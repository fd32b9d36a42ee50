"""Backward sampling: read an image where a flow points. Defined in torch; numba kernels do the same on the CPU."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vfi_cli.ops.bands_cpu import runs_here


def sample(x: Tensor, flow: Tensor) -> Tensor:
    """out(p) = x(p + flow(p)), between the pixels by bilinear weights; outside x its border goes on.

    x (B, C, H, W) float32; flow (B, 2, H, W), (dx, dy) in pixels. Returns (B, C, H, W) float32. Differentiable in both.
    """
    if runs_here(x, flow):
        from vfi_cli.ops.sample_cpu import sample_numba

        return sample_numba(x, flow, sharp=False)
    return _read(x, _grid(flow), "bilinear")


def sample_sharp(x: Tensor, flow: Tensor) -> Tensor:
    """`sample` by the mean of bilinear and cubic weights (Keys, 1981, a = -3/4).

    Half way between two pixels bilinear weights take most of the fine detail away; cubic ones keep it, and the noise
    with it. Values may exceed those of x a little.
    """
    if runs_here(x, flow):
        from vfi_cli.ops.sample_cpu import sample_numba

        return sample_numba(x, flow, sharp=True)
    grid = _grid(flow)
    return (_read(x, grid, "bilinear") + _read(x, grid, "bicubic")) / 2


def _grid(flow: Tensor) -> Tensor:
    """Where every pixel reads, in the units of grid_sample, whose image spans -1 to 1: (B, H, W, 2)."""
    _, _, H, W = flow.shape
    columns = torch.arange(0.5, W, device=flow.device) + flow[:, 0]
    lines = torch.arange(0.5, H, device=flow.device)[:, None] + flow[:, 1]
    # Python numbers: a tensor of them would be copied from the host, which waits for the device.
    return torch.stack((columns * (2 / W) - 1, lines * (2 / H) - 1), 3)


def _read(x: Tensor, grid: Tensor, mode: str) -> Tensor:
    return F.grid_sample(x, grid, mode=mode, padding_mode="border", align_corners=False)
