from __future__ import annotations

import torch

from tests.engine.test_interpolator import CPU, frames
from tests.model.networks import SMALL, each_config, scrambled
from vfi_cli.engine.interpolator import Interpolator
from vfi_cli.engine.ranking import Ranking, by_chance, by_difference, by_router
from vfi_cli.engine.routed import route_from_ratios
from vfi_cli.measure.flops import run_counted
from vfi_cli.model.apr import Aligned
from vfi_cli.model.config import DYNAMIC_BLOCKS, PAPER_KEEP_RATIOS, AprConfig, Routing

CONFIG = SMALL["lite"]
NETWORK = scrambled(CONFIG)
P = 12


def misaligned(places: list[int]) -> Aligned:
    """Two warped frames of 3 by 4 patches that differ in `places`, most in the first of them."""
    side = CONFIG.patch
    image_0, image_1 = torch.zeros(2, 1, 3, 3 * side, 4 * side)
    for rank, place in enumerate(places):
        row, column = place // 4 * side, place % 4 * side
        image_1[..., row : row + side, column : column + side] = 0.9 - 0.1 * rank
    weight = torch.ones(1, 1, *image_0.shape[2:])
    return Aligned(image_0, image_1, weight, weight, torch.zeros(1, 4, *image_0.shape[2:]))


def test_the_difference_picks_the_worst_aligned_patches() -> None:
    aligned = misaligned([7, 2, 9])
    scores = by_difference(NETWORK, aligned)
    route = route_from_ratios(scores, (1 / P, 2 / P, 3 / P, 1.0))
    assert [None if index is None else index.tolist() for index in route] == [[7], [2, 7], [2, 7, 9], None]


def test_a_random_ranking_is_reproducible_by_its_seed() -> None:
    aligned = misaligned([])

    def orders(seed: int) -> list[torch.Tensor]:
        rank = by_chance(seed)
        return [rank(NETWORK, aligned) for _ in range(2)]

    first, again, other = orders(1), orders(1), orders(2)
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1]) and not torch.equal(first[0], other[0])
    assert first[0].shape == (1, P, DYNAMIC_BLOCKS)


@each_config
def test_equal_keep_ratios_cost_the_same_for_every_ranking(config: AprConfig) -> None:
    """The ranking of the router costs more, because the router has to run."""
    interpolator = Interpolator(scrambled(config), CPU)
    warped = interpolator.warp(*map(interpolator.prepare, frames(2)), 0.5)

    def macs(routing: Routing, ranking: Ranking) -> int:
        return run_counted(lambda: interpolator.generate(warped, routing, ranking))[1].macs

    _, router = run_counted(lambda: by_router(interpolator.network, warped.aligned))
    budget = macs(PAPER_KEEP_RATIOS, by_difference)
    assert macs(PAPER_KEEP_RATIOS, by_chance(0)) == budget
    assert macs(PAPER_KEEP_RATIOS, by_router) == budget + router.macs > budget
    assert macs((0.25,) * DYNAMIC_BLOCKS, by_difference) < budget
    assert macs(None, by_router) == macs((1.0,) * DYNAMIC_BLOCKS, by_difference) > budget
