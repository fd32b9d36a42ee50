"""Routed execution equals the dense network, and both equal an oracle that runs one patch at a time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.model.networks import SMALL, each_config, scrambled
from tests.oracles import synthesis as oracle
from vfi_cli.engine import routed
from vfi_cli.engine.device import Runtime
from vfi_cli.engine.frames import crop, pad
from vfi_cli.engine.interpolator import Interpolator
from vfi_cli.model.apr import Apr, Contexts
from vfi_cli.model.config import DYNAMIC_BLOCKS, PAPER_KEEP_RATIOS, AprConfig, Routing
from vfi_cli.model.router import score

ROWS, COLUMNS = 2, 3
P = ROWS * COLUMNS


def contexts_of(config: AprConfig, seed: int = 0) -> Contexts:
    draw = torch.Generator().manual_seed(seed)
    side = config.patch // config.stride
    shape = (1, config.context, ROWS * side, COLUMNS * side)
    return [(torch.randn(shape, generator=draw), torch.randn(shape, generator=draw)) for _ in range(1 + DYNAMIC_BLOCKS)]


def indices(passes: Tensor) -> list[Tensor | None]:
    """A bool map (P, d) as a `routed.Route`."""
    return [column.nonzero()[:, 0] for column in passes.T]


def assert_routed_is_dense(net: Apr, contexts: Contexts, route: routed.Route) -> None:
    with torch.inference_mode():
        passes = routed.as_map(route, P, torch.device("cpu"))
        dense = net.synthesis(contexts, passes)
        fast = net.synthesis.predict(routed.synthesize(net.synthesis, contexts, route))
        slow = net.synthesis.predict(oracle.summed_features(net.synthesis, contexts, passes[0]))
    assert dense.std() > 0.05
    torch.testing.assert_close(fast, dense, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(dense, slow, atol=1e-5, rtol=1e-4)


@each_config
@pytest.mark.parametrize("seed", range(3))
def test_routed_equals_dense_for_random_routes(config: AprConfig, seed: int) -> None:
    passes = torch.rand(P, DYNAMIC_BLOCKS, generator=torch.Generator().manual_seed(seed)) < 0.5
    assert_routed_is_dense(scrambled(config, seed), contexts_of(config, seed), indices(passes))


@each_config
@pytest.mark.parametrize("passes", [True, False], ids=["all on", "all off"])
def test_routed_equals_dense_if_all_or_no_patches_pass(config: AprConfig, passes: bool) -> None:
    route = indices(torch.full((P, DYNAMIC_BLOCKS), passes))
    assert_routed_is_dense(scrambled(config), contexts_of(config), route)


@each_config
def test_none_passes_all_patches(config: AprConfig) -> None:
    assert_routed_is_dense(scrambled(config), contexts_of(config), [None] * DYNAMIC_BLOCKS)


@each_config
def test_padding_of_an_index_changes_nothing(config: AprConfig) -> None:
    route = [torch.tensor([4, 1, P, P]), torch.tensor([P]), None, torch.tensor([0, 1, 2, 3, 4, P])]
    assert_routed_is_dense(scrambled(config), contexts_of(config), route)


def test_skipped_patches_do_not_run() -> None:
    net = scrambled(SMALL["base"])
    ran: list[int] = []
    for block in (net.synthesis.static, *net.synthesis.dynamic):
        block.register_forward_pre_hook(lambda _, inputs: ran.append(len(inputs[0])))
    route = [torch.tensor([0]), torch.tensor([], dtype=torch.long), torch.tensor([1, 2, 3]), None]
    with torch.inference_mode():
        routed.synthesize(net.synthesis, contexts_of(net.config), route)
    assert ran == [1, 1, 3, P]  # the static block sees one whole image


def test_patches_with_a_positive_score_pass() -> None:
    scores = torch.randn(1, 37, DYNAMIC_BLOCKS, generator=torch.Generator().manual_seed(0))
    scores[0, :, 2] = -1
    scores[0, :, 3] = 1
    route = routed.route_from_scores(scores)
    assert torch.equal(routed.as_map(route, 37, scores.device), scores > 0)


def test_patch_counts_are_rounded_up_to_few_sizes() -> None:
    sizes = set()
    for share in torch.linspace(0, 1, 60):
        scores = torch.where(torch.arange(200) < share * 200, 1.0, -1.0).view(1, 200, 1)
        (index,) = routed.route_from_scores(scores)
        sizes.add(200 if index is None else len(index))
    assert len(sizes) <= routed.BUCKETS + 1


def test_keep_ratios_take_the_patches_with_the_highest_scores() -> None:
    scores = torch.randn(1, 40, DYNAMIC_BLOCKS, generator=torch.Generator().manual_seed(0))
    passes = routed.as_map(routed.route_from_ratios(scores, PAPER_KEEP_RATIOS), 40, scores.device)[0]
    assert passes.sum(0).tolist() == [4, 16, 24, 36]
    for k in range(DYNAMIC_BLOCKS):
        assert scores[0, passes[:, k], k].min() > scores[0, ~passes[:, k], k].max()


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_keep_ratios_0_and_1_pass_no_patch_and_all_patches(ratio: float) -> None:
    route = routed.route_from_ratios(torch.randn(1, 7, DYNAMIC_BLOCKS), (ratio,) * DYNAMIC_BLOCKS)
    assert routed.share(route, 7) == (ratio,) * DYNAMIC_BLOCKS


@each_config
@pytest.mark.parametrize("routing", ["router", PAPER_KEEP_RATIOS], ids=["argmax", "budget"])
@pytest.mark.parametrize("size", [(33, 50), (64, 96), (1, 1)], ids=lambda size: "x".join(map(str, size)))
def test_the_interpolator_equals_the_dense_network_for_any_frame_size(
    config: AprConfig, routing: Routing, size: tuple[int, int]
) -> None:
    """The frame is that of the dense network for padded frames, cropped."""
    net = scrambled(config)
    draw = torch.Generator().manual_seed(1)
    left, right = (torch.rand(3, *size, generator=draw) for _ in range(2))
    multiple = net.multiple(*size)
    padded_left, padded_right = pad(left, multiple), pad(right, multiple)
    with torch.inference_mode():
        features = net.extract_features(padded_left), net.extract_features(padded_right)
        flow = net.estimate_flow(*features)
        aligned, _ = net.warp(*features, flow, 0.3)
        scores = score(net.route_logits(aligned))
    engine = Interpolator(net, Runtime(torch.device("cpu"), torch.float32), routing)
    (frame,) = engine.between(engine.prepare(left), engine.prepare(right), [0.3])

    route = routed.route_from_scores(scores) if routing == "router" else routed.route_from_ratios(scores, routing)
    passes = routed.as_map(route, scores.shape[1], scores.device)
    with torch.inference_mode():
        dense = net(padded_left, padded_right, 0.3, passes)
    assert frame.shape == (3, *size)
    torch.testing.assert_close(frame, crop(dense, *size), atol=1e-4, rtol=1e-4)
    assert torch.equal(torch.from_numpy(engine.last_routes).flatten(0, 1), passes[0])
    assert engine.route_shares == pytest.approx(routed.share(route, scores.shape[1]))


@each_config
def test_the_router_of_a_scrambled_network_passes_some_patches_and_skips_others(config: AprConfig) -> None:
    """Otherwise the test above would compare only one route."""
    engine = Interpolator(scrambled(config), Runtime(torch.device("cpu"), torch.float32))
    draw = torch.Generator().manual_seed(1)
    left, right = (engine.prepare(torch.rand(3, 64, 96, generator=draw)) for _ in range(2))
    engine.between(left, right, [0.3])
    assert 0 < engine.last_routes.mean() < 1
