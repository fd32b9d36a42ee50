"""The dense forward is the definition; routed execution must equal it, and both the walk of each patch."""

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
    """A bool map (P, d) as the routed execution takes it."""
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
def test_random_maps(config: AprConfig, seed: int) -> None:
    passes = torch.rand(P, DYNAMIC_BLOCKS, generator=torch.Generator().manual_seed(seed)) < 0.5
    assert_routed_is_dense(scrambled(config, seed), contexts_of(config, seed), indices(passes))


@each_config
@pytest.mark.parametrize("passes", [True, False], ids=["all on", "all off"])
def test_uniform_maps(config: AprConfig, passes: bool) -> None:
    route = indices(torch.full((P, DYNAMIC_BLOCKS), passes))
    assert_routed_is_dense(scrambled(config), contexts_of(config), route)


@each_config
def test_none_is_all_patches(config: AprConfig) -> None:
    assert_routed_is_dense(scrambled(config), contexts_of(config), [None] * DYNAMIC_BLOCKS)


@each_config
def test_buckets_padded_with_a_patch_that_does_not_exist(config: AprConfig) -> None:
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


def test_scores_pass_where_positive() -> None:
    scores = torch.randn(1, 37, DYNAMIC_BLOCKS, generator=torch.Generator().manual_seed(0))
    scores[0, :, 2] = -1
    scores[0, :, 3] = 1
    route = routed.route_from_scores(scores)
    assert torch.equal(routed.as_map(route, 37, scores.device), scores > 0)


def test_few_sizes_of_buckets() -> None:
    sizes = set()
    for share in torch.linspace(0, 1, 60):
        scores = torch.where(torch.arange(200) < share * 200, 1.0, -1.0).view(1, 200, 1)
        (index,) = routed.route_from_scores(scores)
        sizes.add(200 if index is None else len(index))
    assert len(sizes) <= routed.BUCKETS + 1


def test_ratios_take_the_best() -> None:
    scores = torch.randn(1, 40, DYNAMIC_BLOCKS, generator=torch.Generator().manual_seed(0))
    passes = routed.as_map(routed.route_from_ratios(scores, PAPER_KEEP_RATIOS), 40, scores.device)[0]
    assert passes.sum(0).tolist() == [4, 16, 24, 36]
    for k in range(DYNAMIC_BLOCKS):
        assert scores[0, passes[:, k], k].min() > scores[0, ~passes[:, k], k].max()


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_ratios_of_nothing_and_of_everything(ratio: float) -> None:
    route = routed.route_from_ratios(torch.randn(1, 7, DYNAMIC_BLOCKS), (ratio,) * DYNAMIC_BLOCKS)
    assert routed.share(route, 7) == (ratio,) * DYNAMIC_BLOCKS


@each_config
@pytest.mark.parametrize("routing", ["router", PAPER_KEEP_RATIOS], ids=["argmax", "budget"])
@pytest.mark.parametrize("size", [(33, 50), (64, 96), (1, 1)], ids=lambda size: "x".join(map(str, size)))
def test_odd_sizes_through_the_engine(config: AprConfig, routing: Routing, size: tuple[int, int]) -> None:
    """What the engine gives is the dense definition of the padded frames, cropped."""
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
def test_the_router_of_a_scrambled_network_is_of_many_minds(config: AprConfig) -> None:
    """Or the test above would compare one map only."""
    engine = Interpolator(scrambled(config), Runtime(torch.device("cpu"), torch.float32))
    draw = torch.Generator().manual_seed(1)
    left, right = (engine.prepare(torch.rand(3, 64, 96, generator=draw)) for _ in range(2))
    engine.between(left, right, [0.3])
    assert 0 < engine.last_routes.mean() < 1
