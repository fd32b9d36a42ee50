from __future__ import annotations

import torch

from tests.model.networks import SMALL, each_config
from vfi_cli.model.config import DYNAMIC_BLOCKS, AprConfig
from vfi_cli.model.context import ContextNet


@each_config
def test_there_is_one_context_per_refine_block(config: AprConfig) -> None:
    net = ContextNet(config)
    contexts = net(torch.rand(2, net.convs[0].in_channels, 32, 48))
    shape = (2, config.context, 32 // config.stride, 48 // config.stride)
    assert [tuple(context.shape) for context in contexts] == [shape] * (1 + DYNAMIC_BLOCKS)


def test_with_a_stride_the_first_convolution_reads_every_pixel() -> None:
    net = ContextNet(SMALL["lite"])
    x = torch.rand(1, net.convs[0].in_channels, 8, 8, requires_grad=True)
    net.convs[0](x).square().sum().backward()
    assert x.grad is not None and x.grad.abs().min() > 0


@each_config
def test_the_context_has_the_data_type_of_the_weights(config: AprConfig) -> None:
    net = ContextNet(config).bfloat16()
    assert net.dtype == torch.bfloat16
    assert net(torch.rand(1, net.convs[0].in_channels, 8, 8))[-1].dtype == torch.bfloat16
