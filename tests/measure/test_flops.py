from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from vfi_cli.measure.flops import count_cost


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), 32 * 48 * 3 * 8 * 9),
        (nn.Conv2d(8, 8, 3, padding=1, stride=2), 16 * 24 * 8 * 8 * 9),
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), 32 * 48 * 8 * 9),
        (nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1), 32 * 48 * 8 * 4 * 16),
        (nn.Linear(48, 10), 32 * 48 * 10),
    ],
    ids=["3x3", "strided", "depthwise", "transposed", "linear"],
)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_counts_layers_by_their_formula(layer: nn.Module, macs: int, mode: type) -> None:
    channels = 1 if isinstance(layer, nn.Linear) else layer.in_channels
    image = torch.rand(1, int(channels), 32, 48)
    with mode():
        cost = count_cost(lambda: layer(image))
    assert (cost.macs, cost.flops) == (macs, 2 * macs)


def test_counts_only_the_operations_that_ran() -> None:
    layer = nn.Conv2d(4, 4, 3, padding=1)
    patches = torch.rand(10, 4, 16, 16)
    with torch.inference_mode():
        dense, routed = (count_cost(lambda kept=kept: layer(patches[:kept])) for kept in (10, 3))
    assert routed.macs == dense.macs * 0.3


def test_counts_half_precision_like_single() -> None:
    layer = nn.Conv2d(3, 8, 3).to(torch.bfloat16, memory_format=torch.channels_last)
    cost = count_cost(lambda: layer(torch.rand(1, 3, 18, 18).bfloat16()))
    assert cost.macs == 16 * 16 * 3 * 8 * 9


def test_a_compiled_module_stays_compiled_after_counting() -> None:
    runs = 0

    def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., object]:
        def forward(*inputs: torch.Tensor) -> object:
            nonlocal runs
            runs += 1
            return graph.forward(*inputs)

        return forward

    class Doubled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * self.conv(x)

    torch._dynamo.reset()
    layer = Doubled()
    layer.compile(backend=backend)
    image = torch.rand(1, 3, 32, 48)
    layer(image)
    assert count_cost(lambda: layer(image)).macs == 32 * 48 * 3 * 8 * 9
    assert runs == 1
    layer(image)
    assert runs == 2
