"""Average splatting: move the pixels of an image along a flow, mean where several land."""

import torch
from torch import Tensor


def average_splat(x: Tensor, flow: Tensor, t: float = 1.0) -> tuple[Tensor, Tensor]:
    """Forward-warp `x` along `t * flow` (EBME, Jin et al., WACV 2023; Niklaus and Liu, CVPR 2020, eq. 3 and 4).

    Every pixel is shared among the 4 pixels around its target with bilinear weights; what falls outside is lost.

    x     (B, C, H, W), fp32, or fp16 / bf16, or fp64
    flow  (B, 2, H, W), (dx, dy) in pixels; where it is not finite the source pixel is dropped
    Returns the weighted mean (B, C, H, W) in the dtype of `x`, 0 in holes, and the sum of weights (B, 1, H, W)
    in fp32 (fp64 for fp64), 0 exactly in holes. Sums are never kept in half precision.
    Differentiable in `x` and `flow`.
    """
    if x.ndim != 4 or flow.ndim != 4 or flow.shape[1] != 2:
        raise ValueError(f"expected x (B, C, H, W) and flow (B, 2, H, W), got {tuple(x.shape)}, {tuple(flow.shape)}")
    if x.shape[0] != flow.shape[0] or x.shape[2:] != flow.shape[2:]:
        raise ValueError(f"x and flow differ in batch or size: {tuple(x.shape)}, {tuple(flow.shape)}")
    return average_splat_torch(x, flow, t)


def average_splat_torch(x: Tensor, flow: Tensor, t: float = 1.0) -> tuple[Tensor, Tensor]:
    """The definition of `average_splat`, on any device."""
    B, C, H, W = x.shape
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    flow = flow.to(dtype) * t
    target_x = flow[:, 0] + torch.arange(W, dtype=dtype, device=x.device)  # (B, H, W)
    target_y = flow[:, 1] + torch.arange(H, dtype=dtype, device=x.device)[:, None]
    lands = (target_x > -1) & (target_x < W) & (target_y > -1) & (target_y < H)  # False for NaN
    target_x = target_x.where(lands, 0)
    target_y = target_y.where(lands, 0)
    left, top = target_x.detach().floor(), target_y.detach().floor()
    right_share, bottom_share = target_x - left, target_y - top

    first_row = torch.arange(B, device=x.device).view(B, 1, 1) * (H * W)
    nowhere = B * H * W  # one spare row swallows what is lost
    values = x.to(dtype).permute(0, 2, 3, 1)  # (B, H, W, C)
    values = torch.cat([values, values.new_ones(B, H, W, 1)], 3)
    sums = values.new_zeros(nowhere + 1, C + 1)
    for right in (0, 1):
        for bottom in (0, 1):
            column, row = left.long() + right, top.long() + bottom
            inside = lands & (column >= 0) & (column < W) & (row >= 0) & (row < H)
            index = torch.where(inside, first_row + row * W + column, nowhere)
            weight = (right_share if right else 1 - right_share) * (bottom_share if bottom else 1 - bottom_share)
            shares = (values * weight.unsqueeze(3)).view(nowhere, C + 1)
            sums = sums.scatter_add(0, index.view(nowhere, 1).expand(-1, C + 1), shares)
    out, weight = sums[:nowhere].view(B, H, W, C + 1).permute(0, 3, 1, 2).split([C, 1], 1)
    out = out / weight.where(weight > 0, 1)
    return out.to(x.dtype), weight
