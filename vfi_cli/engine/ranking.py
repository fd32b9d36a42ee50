"""Ranks patches for routing: by the router, by their misalignment, or at random."""

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
"""(network, warped frames) -> a score per patch and dynamic block (1, P, d). The highest scores run first."""


def by_router(network: Apr, aligned: Aligned) -> Tensor:
    """The scores (1, P, d) of the network's router. A positive score means that the router passes the patch."""
    return score(network.route_logits(aligned))


def by_difference(network: Apr, aligned: Aligned) -> Tensor:
    """The misalignment of each patch, (1, P, d), the same for every block. The router is trained to follow it."""
    return patch_difference(aligned, network.config.patch)[..., None].expand(-1, -1, DYNAMIC_BLOCKS)


def by_chance(seed: int) -> Ranking:
    """A ranking that returns new random scores at each call; the same seed gives the same sequence of scores."""
    generator = torch.Generator().manual_seed(seed)

    def rank(network: Apr, aligned: Aligned) -> Tensor:
        height, width = (size // network.config.patch for size in aligned.flow.shape[-2:])
        order = torch.rand(1, height * width, 1, generator=generator).to(aligned.flow.device)
        return order.expand(-1, -1, DYNAMIC_BLOCKS)

    return rank


def choose_route(network: Apr, aligned: Aligned, routing: Routing, ranking: Ranking) -> routed.Route:
    """The patches that run each dynamic block. `ranking` is called only if `routing` is not None."""
    if routing is None:
        return [None] * DYNAMIC_BLOCKS
    scores = ranking(network, aligned)
    return routed.route_from_scores(scores) if routing == "router" else routed.route_from_ratios(scores, routing)
