"""Small networks with the structure of the real ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vfi_cli.model.apr import Apr
from vfi_cli.model.config import BASE, LITE, AprConfig

SMALL = {config.name: replace(config, patch=patch) for config, patch in ((BASE, 16), (LITE, 32))}
"""Both presets, with patches of a quarter (`base`) or half (`lite`) the side."""

each_config = pytest.mark.parametrize("config", SMALL.values(), ids=SMALL)


def untrained(config: AprConfig, seed: int = 0) -> Apr:
    """A network before training. It returns the time-weighted mean of the warped frames."""
    torch.manual_seed(seed)
    return Apr(config).eval().requires_grad_(False)


def scrambled(config: AprConfig, seed: int = 0) -> Apr:
    """A network whose random head, gate and flow corrections have an effect, and whose routes differ per patch."""
    net = untrained(config, seed)
    torch.nn.init.normal_(net.synthesis.head.weight, std=0.1)
    torch.nn.init.normal_(net.router.linear.weight, std=20)
    if net.gate is not None:
        torch.nn.init.normal_(net.gate.out.weight, std=0.3)
    if net.intermediate is not None:
        for layer in (net.flow.to_flow, net.intermediate.coarse.out, net.intermediate.fine.out):
            torch.nn.init.normal_(layer.weight, std=0.02)
    return net
