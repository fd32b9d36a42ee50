"""Local cost volume between two feature maps."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from vfi_cli.ops.bands_cpu import has_numba

TILE = 32  # pixels of a row in one matrix product


def cost_volume(f0: Tensor, f1: Tensor, radius: int = 4) -> Tensor:
    """Correlation of every pixel of `f0` with the pixels of `f1` around it (PWC-Net, CVPR 2018, eq. 2).

    Args:
        f0, f1: (B, C, H, W).
        radius: largest dx and dy, in pixels of the feature maps.

    Returns:
        (B, (2 radius + 1)^2, H, W), channels-last, in the data type of the features, summed in float32. Channel
        `(dy + radius) * (2 radius + 1) + dx + radius` is the mean over C of `f0[y, x] * f1[y + dy, x + dx]`, or 0 where
        that pixel of `f1` is outside.

    Raises:
        ValueError: the shapes of `f0` and `f1` differ, or are not (B, C, H, W).
    """
    if f0.ndim != 4 or f0.shape != f1.shape:
        raise ValueError(f"two equal (B, C, H, W) expected: {tuple(f0.shape)}, {tuple(f1.shape)}")
    B, C, H, W = f0.shape
    if f0.dtype == f1.dtype == torch.float32 and f0.device.type == f1.device.type == "cpu" and has_numba():
        from vfi_cli.ops.correlation_cpu import cost_volume_numba

        return cost_volume_numba(f0, f1, radius)
    side = 2 * radius + 1
    tiles = -(-W // TILE)
    surplus = tiles * TILE - W
    rows_0 = pad(f0 / C, [0, surplus]).permute(0, 2, 3, 1).reshape(B, H, tiles, TILE, C)
    rows_1 = pad(f1, [radius, radius + surplus, radius, radius]).permute(0, 2, 3, 1)
    rows_1 = rows_1.unfold(2, TILE + 2 * radius, TILE)  # (B, H + 2 radius, tiles, C, TILE + 2 radius)

    # A matrix product multiplies all pixels of a tile with all pixels that any of them needs. Pixel i needs columns
    # i to i + 2 radius of its row: a band along the diagonal, which as_strided reads as (TILE, side).
    volume = []
    for dy in range(side):
        products = rows_0 @ rows_1[:, dy : dy + H]  # (B, H, tiles, TILE, TILE + 2 radius)
        batch, row, tile, down, right = products.stride()
        volume.append(products.as_strided((B, H, tiles, TILE, side), (batch, row, tile, down + right, right)))
    return torch.cat(volume, 4).flatten(2, 3)[:, :, :W].contiguous().permute(0, 3, 1, 2)
