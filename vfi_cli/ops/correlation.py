"""Local cost volume between two feature maps."""

import torch
from torch import Tensor
from torch.nn.functional import pad


def cost_volume(f0: Tensor, f1: Tensor, radius: int = 4) -> Tensor:
    """Likeness of every pixel of `f0` to the pixels of `f1` around it (PWC-Net, Sun et al., CVPR 2018, eq. 2).

    f0, f1  (B, C, H, W)
    Returns (B, (2 radius + 1)^2, H, W) in the dtype of the features: channel `(dy + radius) (2 radius + 1) +
    (dx + radius)` is the mean over C of `f0[y, x] * f1[y + dy, x + dx]`, and 0 where that falls outside.
    """
    if f0.ndim != 4 or f0.shape != f1.shape:
        raise ValueError(f"two equal (B, C, H, W) expected: {tuple(f0.shape)}, {tuple(f1.shape)}")
    H, W = f0.shape[2:]
    side = range(2 * radius + 1)
    padded = pad(f1, [radius] * 4)
    costs = [(f0 * padded[:, :, dy : dy + H, dx : dx + W]).mean(1) for dy in side for dx in side]
    return torch.stack(costs, 1)
