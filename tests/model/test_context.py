from __future__ import annotations

import torch

from tests.model.networks import SMALL, each_config
from vfi_cli.model.config import DYNAMIC_BLOCKS, AprConfig
from vfi_cli.model.context import ContextNet


@each_config
def test_one_feature_set_per_refine_block(config: AprConfig) -> None:
    net = ContextNet(config)
    sets = net(torch.rand(2, net.convs[0].in_channels, 32, 48))
    shape = (2, config.context, 32 // config.stride, 48 // config.stride)
    assert [tuple(features.shape) for features in sets] == [shape] * (1 + DYNAMIC_BLOCKS)


def test_a_coarser_grid_still_sees_every_pixel() -> None:
    net = ContextNet(SMALL["lite"])
    x = torch.rand(1, net.convs[0].in_channels, 8, 8, requires_grad=True)
    net.convs[0](x).square().sum().backward()
    assert x.grad is not None and x.grad.abs().min() > 0


@each_config
def test_computes_in_the_type_of_its_weights(config: AprConfig) -> None:
    net = ContextNet(config).bfloat16()
    assert net.dtype == torch.bfloat16
    assert net(torch.rand(1, net.convs[0].in_channels, 8, 8))[-1].dtype == torch.bfloat16
