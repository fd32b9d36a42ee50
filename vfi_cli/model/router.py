"""The router: decides which patch runs which refine block (paper, section 3.2)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from vfi_cli.model.config import DYNAMIC_BLOCKS, AprConfig
from vfi_cli.ops.compose import routing_input
from vfi_cli.ops.patches import pool_patches

FLOW_SCALE = 1 / 64
"""Scales flow, in pixels, to about the range of the images."""


class Router(nn.Module):
    """Difference of the warped images, flow and warped images -> skip and pass logits per patch and dynamic block.

    Two convolutions, average and maximum pooling of every patch, and one linear layer.
    """

    def __init__(self, config: AprConfig) -> None:
        super().__init__()
        first, second = config.router
        self.stride = config.router_stride
        self.patch = config.patch // config.router_stride
        self.conv1 = nn.Conv2d(3 + 4 + 6, first, 3, padding=1)
        self.conv2 = nn.Conv2d(first, second, 3, padding=1)
        self.linear = nn.Linear(2 * second, 2 * DYNAMIC_BLOCKS)

    def forward(self, warped_0: Tensor, warped_1: Tensor, flow: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1], flow (B, 4, H, W) in pixels -> logits (B, P, d, 2): skip, pass."""
        x = routing_input((warped_0, warped_1), flow, FLOW_SCALE, self.stride).to(self.conv1.weight.dtype)
        x = F.leaky_relu_(self.conv1(x), 0.1)
        x = F.leaky_relu_(self.conv2(x), 0.1)
        pooled = pool_patches(x, self.patch).flatten(2).transpose(1, 2)  # (B, 2C, n_h, n_w) -> (B, P, 2C)
        logits: Tensor = self.linear(pooled).float()
        return logits.view(*logits.shape[:-1], DYNAMIC_BLOCKS, 2)


def score(logits: Tensor) -> Tensor:
    """Logits (..., 2) -> scores (...), positive where the argmax is "pass". Keep ratios take the highest scores."""
    return logits[..., 1] - logits[..., 0]


def sample_route(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Sample a route of 0 and 1 with gradients: straight-through Gumbel-softmax (paper, section 3.2).

    logits: (..., d, 2), skip and pass. Returns (..., d), 1 for pass.
    """
    return F.gumbel_softmax(logits, tau=temperature, hard=True, dim=-1)[..., 1]


def keep_counts(ratios: tuple[float, ...], patches: int) -> tuple[int, ...]:
    """The number of `patches` that each keep ratio passes, rounded to the nearest."""
    return tuple(round(ratio * patches) for ratio in ratios)
