"""The gate: how far to trust the warp at all, from how well each candidate agrees with the others.

Where the flow found nothing that matches, the mean of the unwarped frames is often the better guess: ripples, flicker,
motion blur, text that stays put. That shows in local statistics long before a synthesis network learns to see it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfi_cli.ops.compose import cell_statistics

CELL = 8
"""Side of the cells that the statistics are taken over, in pixels."""

WIDTH = 24

STILL_PRIOR = -3.0
"""Logit that the unwarped candidates start from: 5 % of the blend before training."""


class Gate(nn.Module):
    """Statistics per cell -> a logit per candidate: warped 0, warped 1, frame 0, frame 1. Runs in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(7, WIDTH, 3, padding=1, padding_mode="replicate")
        self.conv2 = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, padding_mode="replicate")
        self.out = nn.Conv2d(WIDTH, 4, 1)

    def start_from_average(self) -> None:
        """Before training every cell blends alike: the warped frames, and a little of the unwarped ones."""
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        with torch.no_grad():
            self.out.bias.copy_(torch.tensor([0, 0, STILL_PRIOR, STILL_PRIOR]))

    def forward(
        self, warped: tuple[Tensor, Tensor], weights: tuple[Tensor, Tensor], frames: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Images (B, 3, H, W) in [0, 1] and splat weights (B, 1, H, W) -> logits (B, 4, H / 8, W / 8)."""
        statistics = cell_statistics(warped, weights, frames, CELL)
        differences, filled = statistics[:, :5], statistics[:, 5:]
        # Errors matter by their ratio; half a grey level is as good as none.
        x = torch.cat((torch.log2(differences + 1 / 512) / 2 + 2, filled), 1)
        with torch.autocast(x.device.type, enabled=False):
            x = F.leaky_relu_(self.conv1(x), 0.1)
            x = F.leaky_relu_(self.conv2(x), 0.1)
            logits: Tensor = self.out(x)
        return logits
