"""The gate: how much to trust each hypothesis, from how well it agrees with the others.

Where the flow finds no match, the mean of the unwarped frames is often the better guess: on ripples, flicker, motion
blur and static text. The gate decides this from local statistics. A synthesis network would need long training for it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfi_cli.ops.compose import cell_statistics

CELL = 8
"""Side of the cells that the statistics are means of, in pixels."""

WIDTH = 24

UNWARPED_PRIOR = -3.0
"""Initial logit of each unwarped frame. Before training, both together are 5 % of the blend."""


class Gate(nn.Module):
    """Statistics per cell -> logits of the hypotheses warped 0, warped 1, frame 0, frame 1. Runs in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(7, WIDTH, 3, padding=1, padding_mode="replicate")
        self.conv2 = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, padding_mode="replicate")
        self.out = nn.Conv2d(WIDTH, 4, 1)

    def init_weights(self) -> None:
        """Initialise the output layer so that every cell blends the warped frames and a little of the unwarped ones."""
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        with torch.no_grad():
            self.out.bias.copy_(torch.tensor([0, 0, UNWARPED_PRIOR, UNWARPED_PRIOR]))

    def forward(
        self, warped: tuple[Tensor, Tensor], weights: tuple[Tensor, Tensor], frames: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Images (B, 3, H, W) in [0, 1] and splat weights (B, 1, H, W) -> logits (B, 4, H / 8, W / 8)."""
        statistics = cell_statistics(warped, weights, frames, CELL)
        differences, filled = statistics[:, :5], statistics[:, 5:]
        # Logarithm, because the ratio of errors matters; errors far below half a grey level count as none.
        x = torch.cat((torch.log2(differences + 1 / 512) / 2 + 2, filled), 1)
        with torch.autocast(x.device.type, enabled=False):
            x = F.leaky_relu_(self.conv1(x), 0.1)
            x = F.leaky_relu_(self.conv2(x), 0.1)
            logits: Tensor = self.out(x)
        return logits
