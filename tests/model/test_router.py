from __future__ import annotations

import pytest
import torch

from tests.model.networks import each_config
from vfi_cli.model.config import DYNAMIC_BLOCKS, AprConfig
from vfi_cli.model.router import Router, keep_counts, sample_route, score


@each_config
def test_the_logits_of_a_patch_depend_only_on_its_own_centre(config: AprConfig) -> None:
    """The convolutions of the neighbouring patches do not reach the centre of a patch."""
    router = Router(config)
    side = 2 * config.patch
    warped_0, warped_1 = torch.rand(2, 1, 3, side, side)
    flow = torch.randn(1, 4, side, side)
    before = router(warped_0, warped_1, flow)
    centre = slice(config.patch + config.patch // 2, config.patch + config.patch // 2 + config.router_stride)
    warped_1[..., :, centre, centre] += 5
    changed = (router(warped_0, warped_1, flow) - before).abs().amax((0, 2, 3)) > 1e-6
    assert before.shape == (1, 4, DYNAMIC_BLOCKS, 2)
    assert changed.tolist() == [False, False, False, True]


@each_config
def test_the_logits_depend_on_the_flow(config: AprConfig) -> None:
    router = Router(config)
    image = torch.rand(1, 3, config.patch, config.patch)
    flow = torch.zeros(1, 4, config.patch, config.patch)
    assert not torch.allclose(router(image, image, flow), router(image, image, flow + 8))


def test_score_is_positive_where_the_argmax_is_pass() -> None:
    logits = torch.randn(3, 5, DYNAMIC_BLOCKS, 2)
    assert torch.equal(score(logits) > 0, logits.argmax(-1) == 1)


def test_a_sampled_route_is_0_or_1_follows_the_logits_and_has_a_gradient() -> None:
    torch.manual_seed(0)
    logits = torch.tensor([-1.0, 1.0]).repeat(2, 500, DYNAMIC_BLOCKS, 1).requires_grad_()
    route = sample_route(logits)
    assert route.shape == (2, 500, DYNAMIC_BLOCKS)
    torch.testing.assert_close(route, route.round(), atol=1e-5, rtol=0)
    odds = torch.sigmoid(torch.tensor(2.0)).item()  # Gumbel-max samples the softmax
    assert route.mean().item() == pytest.approx(odds, abs=0.03)
    route.sum().backward()
    assert logits.grad is not None and (logits.grad[..., 1] > 0).all()


def test_keep_counts_are_rounded_to_the_nearest() -> None:
    assert keep_counts((0.0, 0.1, 0.26, 1.0), 10) == (0, 1, 3, 10)
