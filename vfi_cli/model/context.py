"""Context network: the context features of a frame for each refine block (paper, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfi_cli.model.config import DYNAMIC_BLOCKS, AprConfig


class ContextNet(nn.Module):
    """A chain of 3x3 convolutions. The output of each one is the context of one refine block.

    If `config.stride` > 1, the first convolution is stride x stride and reduces the resolution.
    """

    def __init__(self, config: AprConfig) -> None:
        super().__init__()
        width, stride = config.context, config.stride
        inputs = 3 if config.context_on == "frames" else 10  # see `ops.compose.context_input`
        kernel = 3 if stride == 1 else stride
        first = nn.Conv2d(inputs, width, kernel, stride, padding=(kernel - stride + 1) // 2)
        rest = [nn.Conv2d(width, width, 3, padding=1) for _ in range(DYNAMIC_BLOCKS)]
        self.convs = nn.ModuleList([first, *rest])

    @property
    def dtype(self) -> torch.dtype:
        """Data type of the convolutions."""
        return next(self.parameters()).dtype

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images or `context_input`, (B, inputs, H, W) -> 1 + d contexts (B, context, H / stride, W / stride)."""
        x = x.to(self.dtype)
        contexts = []
        for conv in self.convs:
            x = F.leaky_relu_(conv(x), 0.1)
            contexts.append(x)
        return contexts
