"""Parameters and FLOPs of `base`, against tables 1 and 3 of the paper.

They are counted on the "meta" device, which has the shapes of a real frame but needs no memory or time.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vfi_cli.engine import routed
from vfi_cli.grid import round_up
from vfi_cli.measure.flops import count_cost
from vfi_cli.model.apr import Apr
from vfi_cli.model.config import BASE, DYNAMIC_BLOCKS, PAPER_KEEP_RATIOS
from vfi_cli.model.router import keep_counts

WIDTH, HEIGHT = 2048, 1080


@pytest.fixture(scope="module")
def net() -> Apr:
    with torch.device("meta"):
        return Apr(BASE).eval()


def parameters(part: nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())


def tera_flops(net: Apr, ratios: tuple[float, ...] | None) -> float:
    """Tera FLOPs of one generated frame, with the features of both input frames.

    ratios: keep ratios; None is the static network without its router.
    """
    multiple = net.multiple(HEIGHT, WIDTH)
    frame = torch.empty(1, 3, round_up(HEIGHT, multiple), round_up(WIDTH, multiple), device="meta")
    patches = frame[0, 0].numel() // net.config.patch**2
    route: list[Tensor | None] = [None] * DYNAMIC_BLOCKS
    if ratios:
        route = [torch.empty(count, dtype=torch.long, device="meta") for count in keep_counts(ratios, patches)]

    def generate() -> None:
        left, right = net.extract_features(frame), net.extract_features(frame)
        flow = net.estimate_flow(left, right)
        aligned, contexts = net.warp(left, right, flow, 0.5)
        if ratios:
            net.route_logits(aligned)
        net.synthesis.predict(routed.synthesize(net.synthesis, contexts, route))

    with torch.inference_mode():
        return count_cost(generate).flops / 1e12


def test_parameters(net: Apr) -> None:
    assert parameters(net) == 2_158_340 == pytest.approx(2.2e6, rel=0.03)
    assert parameters(net.router) == 5_116 == pytest.approx(5.13e3, rel=0.03)
    assert parameters(net.flow) == 632_900 == pytest.approx(0.63e6, rel=0.03)


def test_flops_of_the_static_network_are_close_to_the_paper(net: Apr) -> None:
    assert tera_flops(net, None) == pytest.approx(1.6846, abs=1e-4)
    assert tera_flops(net, None) == pytest.approx(1.730, rel=0.03)


def test_flops_of_the_routed_network_lie_between_those_of_the_paper(net: Apr) -> None:
    """The paper measures 1.220 and 1.271 on two sets of clips, with the routes that its router chose there."""
    assert tera_flops(net, PAPER_KEEP_RATIOS) == pytest.approx(1.2249, abs=1e-4)
    assert 1.220 < tera_flops(net, PAPER_KEEP_RATIOS) < 1.271
