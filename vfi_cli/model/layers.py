"""Chains of convolutions that the flow networks share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

SLOPE = 0.1
"""Negative slope of the LeakyReLU after every convolution."""


def stage(inputs: int, width: int, count: int) -> nn.Sequential:
    """`count` 3x3 convolutions to `width` channels; the first one has stride 2."""
    layers: list[nn.Module] = []
    for k in range(count):
        layers += [nn.Conv2d(width if k else inputs, width, 3, 1 if k else 2, 1), nn.LeakyReLU(SLOPE, inplace=True)]
    return nn.Sequential(*layers)


def estimator(widths: Sequence[int]) -> nn.Sequential:
    """A 1x1 convolution from widths[0] to widths[1] channels, then 3x3 convolutions to the other widths."""
    layers: list[nn.Module] = []
    for k, (inputs, outputs) in enumerate(pairwise(widths)):
        kernel = 3 if k else 1
        layers += [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.LeakyReLU(SLOPE, inplace=True)]
    return nn.Sequential(*layers)
