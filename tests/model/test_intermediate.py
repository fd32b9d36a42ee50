"""The flow at t: the forward warp of the estimated flow, and its correction."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vfi_cli.model.intermediate import (
    InitialFlow,
    IntermediateFlow,
    add_residual_motion,
    init_flow_at,
    pick_better_flow,
)


def constant(*pixels: float, height: int = 8, width: int = 16) -> Tensor:
    return torch.tensor(pixels, dtype=torch.float32).view(1, 4, 1, 1).expand(1, 4, height, width).contiguous()


@pytest.mark.parametrize("t", [0.25, 0.5, 0.8])
def test_constant_motion_is_split_at_t_between_both_frames(t: float) -> None:
    """For a motion of 2 pixels to the right and 1 up, flow_t0 is -t times it, and flow_t1 is 1 - t times it."""
    flow_t, weight = init_flow_at(constant(2, -1, -2, 1), t)
    assert flow_t.shape == (1, 4, 8, 16) and weight.shape == (1, 2, 8, 16)
    inside = flow_t[:, :, 2:-2, 3:-3]
    expected = torch.tensor([-2 * t, t, 2 * (1 - t), -(1 - t)]).view(1, 4, 1, 1)
    torch.testing.assert_close(inside, expected.expand_as(inside))
    torch.testing.assert_close(weight[:, :, 2:-2, 3:-3], torch.ones_like(weight[:, :, 2:-2, 3:-3]))


def test_a_hole_of_one_flow_is_filled_with_the_reversed_other_flow() -> None:
    """In flow_01, the left half leaves the frame to the left; flow_10 is (1, 0) everywhere."""
    flow = constant(0, 0, 1, 0)
    flow[:, 0, :, :8] = -10
    flow_t, weight = init_flow_at(flow, 0.5)
    hole = weight[:, 0] < 0.1
    assert hole.any() and not hole.all()
    torch.testing.assert_close(flow_t[:, 0][hole], torch.full_like(flow_t[:, 0][hole], 0.5))  # half of 1


def test_where_two_pixels_land_together_the_consistent_flow_counts() -> None:
    """In flow_01, one column moves over another, static one; flow_10 does not agree with that motion."""
    flow = constant(0, 0, 0, 0)
    flow[:, 0, :, 4:5] = 4
    flow_t, weight = init_flow_at(flow, 0.5)
    assert flow_t[0, 0, :, 6].abs().max() < 0.05  # the plain mean of both would give -1
    assert weight[0, 0, :, 6].min() == 1


def test_every_pair_of_a_batch_has_its_own_time() -> None:
    flow = 1.5 * torch.randn(2, 4, 8, 16, generator=torch.Generator().manual_seed(0))
    times = torch.tensor([0.25, 0.75]).view(2, 1, 1, 1)
    together = init_flow_at(flow, times)
    for k in range(2):
        for got, alone in zip(together, init_flow_at(flow[k : k + 1], times[k].item()), strict=True):
            torch.testing.assert_close(got[k : k + 1], alone, atol=1e-4, rtol=1e-4)


@pytest.fixture
def subject() -> IntermediateFlow:
    torch.manual_seed(0)
    return IntermediateFlow()


def run(subject: IntermediateFlow, frame_0: Tensor, frame_1: Tensor, initial: InitialFlow) -> Tensor:
    corrected: Tensor = subject(
        subject.extract_features(frame_0), subject.extract_features(frame_1), initial, torch.tensor(0.5)
    ).flow_t
    return corrected


def test_the_untrained_correction_is_zero(subject: IntermediateFlow) -> None:
    subject.init_weights()
    frames = torch.rand(2, 1, 3, 32, 64)
    initial = init_flow_at(torch.randn(1, 4, 8, 16), 0.5)
    assert torch.equal(run(subject, *frames, initial), initial.flow_t)


def test_residual_motion_of_the_luma_is_added_to_the_initial_flow() -> None:
    """A grey ramp moves half a pixel of the quarter size to the right."""
    ramp = torch.linspace(0, 1, 32).expand(1, 1, 16, 32)
    initial = InitialFlow(torch.zeros(1, 4, 8, 16), torch.ones(1, 2, 8, 16))
    flow_t = add_residual_motion(initial, ramp, ramp - 1 / 31, torch.tensor(0.25)).flow_t[..., 3:-3, 4:-4]
    expected = torch.tensor([-0.125, 0, 0.375, 0]).view(1, 4, 1, 1).expand_as(flow_t)
    torch.testing.assert_close(flow_t, expected, atol=0.06, rtol=0)


def test_training_reduces_an_error_of_the_initial_flow() -> None:
    """The texture is static and the initial flow is wrong, so the features show the right correction."""
    torch.manual_seed(1)
    subject = IntermediateFlow()
    subject.init_weights()
    optimiser = torch.optim.Adam(subject.parameters(), 2e-3)
    errors = []
    for _ in range(120):
        frame = torch.nn.functional.interpolate(torch.rand(8, 3, 16, 16), (64, 64), mode="bilinear")
        wrong = torch.randn(8, 4, 1, 1).expand(8, 4, 16, 16)
        error = run(subject, frame, frame, InitialFlow(wrong, torch.ones(8, 2, 16, 16)))[:, :, 4:-4, 4:-4].abs().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        errors.append(error.item() / wrong.abs().mean().item())
    assert sum(errors[:10]) / 10 > 0.95 and sum(errors[-20:]) / 20 < 0.85


def test_logits_and_flow_are_float32_if_the_network_is_in_half_precision(subject: IntermediateFlow) -> None:
    for part in subject.convolutional():
        part.bfloat16()
    frames = torch.rand(2, 1, 3, 32, 64)
    initial = init_flow_at(torch.zeros(1, 4, 8, 16), 0.5)
    corrected = subject(
        subject.extract_features(frames[0]), subject.extract_features(frames[1]), initial, torch.tensor(0.5)
    )
    assert {part.dtype for part in corrected} == {torch.float32}


def test_the_initial_flow_has_a_finite_gradient_for_zero_motion() -> None:
    flow = torch.zeros(1, 4, 8, 16, requires_grad=True)
    init_flow_at(flow, 0.5).flow_t.sum().backward()
    assert flow.grad is not None and flow.grad.isfinite().all() and flow.grad.any()


def test_the_other_flow_is_picked_where_the_frames_agree_clearly_better_along_it() -> None:
    """In the left half the first flow is right; in the right half the second flow is right."""
    draw = torch.Generator().manual_seed(0)
    texture = torch.nn.functional.interpolate(torch.rand(1, 1, 8, 20, generator=draw), (32, 80), mode="bilinear")
    luma_0, luma_1 = texture[..., 8:72], texture[..., 4:68]  # 4 pixels to the right: 2 of the flow's size
    right, wrong = (torch.tensor(x).view(1, 4, 1, 1).expand(1, 4, 16, 32) for x in ([-1.0, 0, 1, 0], [1.0, 0, -1, 0]))
    left_half = (torch.arange(32) < 16).expand(1, 4, 16, 32)
    weight = torch.zeros(1, 2, 16, 32)
    one = InitialFlow(torch.where(left_half, right, wrong), weight)
    other = InitialFlow(torch.where(left_half, wrong, right), weight + 1)
    chosen = pick_better_flow(one, other, luma_0, luma_1)
    assert torch.equal(pick_better_flow(one, one._replace(weight=weight + 1), luma_0, luma_1).weight, weight)
    inside = (..., slice(None), [*range(4, 12), *range(20, 28)])
    torch.testing.assert_close(chosen.flow_t[inside], right[inside])
    assert not chosen.weight[..., 4:12].any() and chosen.weight[..., 20:28].all()
