"""Who decides which patches are worth the work: the router, a rule without a network, or chance."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vfi_cli.engine import routed
from vfi_cli.model.alignment import patch_difference
from vfi_cli.model.apr import Aligned, Apr
from vfi_cli.model.config import DYNAMIC_BLOCKS, Routing
from vfi_cli.model.router import score

Ranking = Callable[[Apr, Aligned], Tensor]
"""(network, warped frames) -> a score per patch and dynamic block (1, P, d); the best run first."""


def by_router(network: Apr, aligned: Aligned) -> Tensor:
    """The network's own order; positive where it passes a patch without being given a budget."""
    return score(network.route_logits(aligned))


def by_difference(network: Apr, aligned: Aligned) -> Tensor:
    """The worst aligned patch first, for every block: the reference route that the router learned from."""
    return patch_difference(aligned, network.config.patch)[..., None].expand(-1, -1, DYNAMIC_BLOCKS)


def by_chance(seed: int) -> Ranking:
    """An order that knows nothing, another one for each call; the same ones again for the same seed."""
    draw = torch.Generator().manual_seed(seed)

    def rank(network: Apr, aligned: Aligned) -> Tensor:
        height, width = (size // network.config.patch for size in aligned.flow.shape[-2:])
        order = torch.rand(1, height * width, 1, generator=draw).to(aligned.flow.device)
        return order.expand(-1, -1, DYNAMIC_BLOCKS)

    return rank


def choose_route(network: Apr, aligned: Aligned, routing: Routing, ranking: Ranking) -> routed.Route:
    """The patches that `routing` passes, in the order of `ranking`; nothing is ranked where all of them pass."""
    if routing is None:
        return [None] * DYNAMIC_BLOCKS
    scores = ranking(network, aligned)
    return routed.route_from_scores(scores) if routing == "router" else routed.route_from_ratios(scores, routing)
