from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounter
from torch.nn import functional as F

from tests.model.networks import SMALL, each_config, scrambled, untrained
from vfi_cli.model.apr import Apr
from vfi_cli.model.config import BASE, LITE, AprConfig
from vfi_cli.model.intermediate import STRIDE

each_time = pytest.mark.parametrize("t", [0.1, 0.5, 0.8])

SWAP = [2, 3, 0, 1]
"""flow_01, flow_10 -> flow_10, flow_01."""

SWAP_BOTH = [2, 3, 0, 1, 6, 7, 4, 5]
"""The same for the learned flow and the flow of DIS."""


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(3)
    return torch.rand(1, 3, 32, 64, generator=draw), torch.rand(1, 3, 32, 64, generator=draw)


@pytest.fixture
def flow() -> Tensor:
    """Smooth, a few pixels long, with holes and frame borders."""
    draw = torch.Generator().manual_seed(4)
    coarse = 6 * torch.randn(1, 4, 2, 4, generator=draw)
    return torch.nn.functional.interpolate(coarse, (32, 64), mode="bilinear")


def as_estimated(flow: Tensor, config: AprConfig) -> Tensor:
    """A flow (B, 4, H, W) in pixels, as `Apr.estimate_flow` would return it for a config."""
    return flow if config.flow == "images" else F.avg_pool2d(flow, STRIDE) / STRIDE


@torch.inference_mode()
def between(net: Apr, frame_0: Tensor, frame_1: Tensor, flow: Tensor, t: float) -> Tensor:
    """`Apr.forward` along a given flow in pixels."""
    return along(net, frame_0, frame_1, as_estimated(flow, net.config), t)


def along(net: Apr, frame_0: Tensor, frame_1: Tensor, flow: Tensor, t: float) -> Tensor:
    """`Apr.forward` along a given result of `Apr.estimate_flow`."""
    features = net.extract_features(frame_0), net.extract_features(frame_1)
    aligned, contexts = net.warp(*features, flow, t)
    return net.blend(net.synthesis(contexts, None), aligned, frame_0, frame_1, t)


@each_config
@each_time
def test_an_untrained_network_returns_the_time_weighted_mean_of_the_warped_frames(
    config: AprConfig, t: float, pair: tuple[Tensor, Tensor], flow: Tensor
) -> None:
    net = untrained(config)
    with torch.inference_mode():
        aligned, _ = net.warp(*(net.extract_features(frame) for frame in pair), as_estimated(flow, config), t)
    warped = torch.lerp(aligned.image_0, aligned.image_1, t)
    unwarped = torch.lerp(*pair, t)
    frame = between(net, *pair, flow, t)
    if config.candidates == 2:
        torch.testing.assert_close(frame, warped)
    else:  # and a little of the unwarped frames
        share = ((frame - warped) * (unwarped - warped)).sum() / (unwarped - warped).square().sum()
        assert 0 < share < 0.1
        torch.testing.assert_close(frame, torch.lerp(warped, unwarped, share))


@each_time
def test_without_motion_an_untrained_base_network_returns_the_time_weighted_mean_of_the_frames(
    t: float, pair: tuple[Tensor, Tensor]
) -> None:
    frame = between(untrained(SMALL["base"]), *pair, torch.zeros(1, 4, 32, 64), t)
    torch.testing.assert_close(frame, torch.lerp(*pair, t))


@each_config
@each_time
def test_an_untrained_network_returns_the_frame_itself_for_two_equal_frames(
    config: AprConfig, t: float, pair: tuple[Tensor, Tensor]
) -> None:
    net = untrained(config)
    if config.flow == "images":  # an untrained flow network finds motion everywhere
        torch.nn.init.zeros_(net.flow.to_flow.weight)
        torch.nn.init.zeros_(net.flow.to_flow.bias)
    with torch.inference_mode():
        frame = net(pair[0], pair[0], t)
    torch.testing.assert_close(frame, pair[0])


@each_config
@each_time
def test_an_untrained_network_gives_the_same_frame_for_the_reversed_pair(
    config: AprConfig, t: float, pair: tuple[Tensor, Tensor], flow: Tensor
) -> None:
    net = untrained(config)
    forwards = between(net, *pair, flow, t)
    backwards = between(net, *reversed(pair), flow[:, SWAP], 1 - t)
    torch.testing.assert_close(forwards, backwards)


@each_config
def test_at_a_time_close_to_an_input_frame_the_result_is_close_to_that_frame(
    config: AprConfig, pair: tuple[Tensor, Tensor], flow: Tensor
) -> None:
    """At t = 1e-6, a flow of 20 pixels moves a frame by 2e-5 pixels."""
    net = untrained(config)
    for t, near in ((1e-6, pair[0]), (1 - 1e-6, pair[1])):
        torch.testing.assert_close(between(net, *pair, flow, t), near, atol=1e-4, rtol=0)


def test_the_flow_of_the_reversed_pair_is_the_reversed_flow(pair: tuple[Tensor, Tensor]) -> None:
    net = scrambled(SMALL["lite"])
    left, right = (net.extract_features(frame) for frame in pair)
    torch.testing.assert_close(net.estimate_flow(left, right), net.estimate_flow(right, left)[:, SWAP_BOTH])


def test_without_search_only_the_learned_flow_is_estimated(pair: tuple[Tensor, Tensor]) -> None:
    net = scrambled(SMALL["lite"])
    with torch.inference_mode():
        both = net.estimate_flow(*(net.extract_features(frame) for frame in pair))
        alone = net.estimate_flow(*(net.extract_features(frame, search=False) for frame in pair))
    assert both.shape[1] == 8 and torch.equal(alone, both[:, :4])


@each_config
def test_forward_equals_its_steps_called_one_by_one(config: AprConfig, pair: tuple[Tensor, Tensor]) -> None:
    net = scrambled(config)
    with torch.inference_mode():
        flow = net.estimate_flow(*(net.extract_features(frame) for frame in pair))
        frame = net(*pair, 0.4)
        assert flow[:, :4].shape == as_estimated(torch.zeros(1, 4, 32, 64), config).shape
        torch.testing.assert_close(frame, along(net, *pair, flow, 0.4))


@each_config
def test_pairs_of_a_batch_do_not_influence_each_other(config: AprConfig, pair: tuple[Tensor, Tensor]) -> None:
    net = scrambled(config)
    left, right = torch.cat(pair), torch.cat((pair[1], pair[0].flip(3)))
    route = torch.rand(2, 32 * 64 // config.patch**2, 4) < 0.5
    with torch.inference_mode():
        together = net(left, right, 0.4, route)
        for k in range(2):
            alone = net(left[k : k + 1], right[k : k + 1], 0.4, route[k : k + 1])
            torch.testing.assert_close(together[k], alone[0], atol=1e-4, rtol=1e-4)


@each_config
def test_every_parameter_but_those_of_the_router_gets_a_gradient_from_the_frame(
    config: AprConfig, pair: tuple[Tensor, Tensor]
) -> None:
    net = scrambled(config).requires_grad_(True)
    left, right = (net.extract_features(frame, search=False) for frame in pair)
    flow = net.estimate_flow(left, right)
    aligned, contexts = net.warp(left, right, flow, 0.4)
    net.blend(net.synthesis(contexts, None), aligned, *pair, 0.4).square().sum().backward()
    idle = {name for name, parameter in net.named_parameters() if parameter.grad is None or not parameter.grad.any()}
    assert idle == {name for name, _ in net.named_parameters() if name.startswith("router.")}


@pytest.mark.parametrize(
    ("size", "of_base", "of_lite"),
    [((1080, 1920), 64, 128), ((2160, 3840), 256, 256), ((256, 448), 64, 64)],
    ids=["2K", "4K", "training"],
)
def test_padded_sizes_are_multiples_of_the_patch_and_of_the_coarsest_flow_level(
    size: tuple[int, int], of_base: int, of_lite: int
) -> None:
    with torch.device("meta"):
        assert Apr(BASE).multiple(*size) == of_base
        assert Apr(LITE).multiple(*size) == of_lite


def test_a_compiled_flow_correction_is_not_recompiled_for_another_time(pair: tuple[Tensor, Tensor]) -> None:
    """A conversion from 25 to 59.94 frames per second needs hundreds of different times."""
    torch._dynamo.reset()
    net = scrambled(SMALL["lite"])
    assert net.intermediate is not None
    counter = CompileCounter()
    net.intermediate.compile(backend=counter)
    with torch.inference_mode():
        for t in (0.5, 0.25, 417 / 1001):
            net(*pair, t)
    assert counter.frame_count == 1
