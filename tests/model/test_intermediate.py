"""The flow at t: brought there by the forward warp, then corrected."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vfi_cli.model.intermediate import IntermediateFlow, Start, start_at


def constant(*pixels: float, height: int = 32, width: int = 64) -> Tensor:
    return torch.tensor(pixels).view(1, 4, 1, 1).expand(1, 4, height, width).contiguous()


@pytest.mark.parametrize("t", [0.25, 0.5, 0.8])
def test_a_steady_motion_is_found_in_both_frames(t: float) -> None:
    """Where a picture goes 8 pixels to the right and 4 up, a pixel at t was t of that to the left and below."""
    flow_t, weight = start_at(constant(8, -4, -8, 4), t)
    assert flow_t.shape == (1, 4, 8, 16) and weight.shape == (1, 2, 8, 16)
    inside = flow_t[:, :, 2:-2, 3:-3]
    expected = torch.tensor([-2 * t, t, 2 * (1 - t), -(1 - t)]).view(1, 4, 1, 1)
    torch.testing.assert_close(inside, expected.expand_as(inside))
    torch.testing.assert_close(weight[:, :, 2:-2, 3:-3], torch.ones_like(weight[:, :, 2:-2, 3:-3]))


def test_where_nothing_of_one_frame_went_the_other_one_says_how_it_moves() -> None:
    """The left half runs away to the left in frame 0; frame 1 knows of no such thing."""
    flow = constant(0, 0, 4, 0)
    flow[:, 0, :, :32] = -40
    flow_t, weight = start_at(flow, 0.5)
    hole = weight[:, 0] < 0.1
    assert hole.any() and not hole.all()
    torch.testing.assert_close(flow_t[:, 0][hole], torch.full_like(flow_t[:, 0][hole], 0.5))  # half of 4, in quarters


def test_where_ways_meet_the_one_that_leads_back_counts() -> None:
    """Four columns claim to run over those that stand still; in frame 1 nothing came from there."""
    flow = constant(0, 0, 0, 0)
    flow[:, 0, :, 16:20] = 16
    flow_t, weight = start_at(flow, 0.5)
    assert flow_t[0, 0, :, 6].abs().max() < 0.05  # their average is one
    assert weight[0, 0, :, 6].min() == 1


def test_every_pair_of_a_batch_has_its_own_time() -> None:
    flow = 6 * torch.randn(2, 4, 32, 64, generator=torch.Generator().manual_seed(0))
    times = torch.tensor([0.25, 0.75]).view(2, 1, 1, 1)
    together = start_at(flow, times)
    for k in range(2):
        for got, alone in zip(together, start_at(flow[k : k + 1], times[k].item()), strict=True):
            torch.testing.assert_close(got[k : k + 1], alone, atol=1e-4, rtol=1e-4)


@pytest.fixture
def subject() -> IntermediateFlow:
    torch.manual_seed(0)
    return IntermediateFlow()


def run(subject: IntermediateFlow, frame_0: Tensor, frame_1: Tensor, start: Start) -> Tensor:
    corrected: Tensor = subject(subject.describe(frame_0), subject.describe(frame_1), start, 0.5).flow_t
    return corrected


def test_before_training_the_source_is_believed(subject: IntermediateFlow) -> None:
    subject.start_from_source()
    frames = torch.rand(2, 1, 3, 32, 64)
    start = start_at(3 * torch.randn(1, 4, 32, 64), 0.5)
    assert torch.equal(run(subject, *frames, start), start.flow_t)


def test_it_learns_to_undo_an_error_of_the_source() -> None:
    """A texture that stands still, and a start that says it moved: what it should be is there to see."""
    torch.manual_seed(1)
    subject = IntermediateFlow()
    subject.start_from_source()
    optimiser = torch.optim.Adam(subject.parameters(), 2e-3)
    errors = []
    for _ in range(120):
        frame = torch.nn.functional.interpolate(torch.rand(8, 3, 16, 16), (64, 64), mode="bilinear")
        wrong = torch.randn(8, 4, 1, 1).expand(8, 4, 16, 16)
        error = run(subject, frame, frame, Start(wrong, torch.ones(8, 2, 16, 16)))[:, :, 4:-4, 4:-4].abs().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        errors.append(error.item() / wrong.abs().mean().item())
    assert sum(errors[:10]) / 10 > 0.95 and sum(errors[-20:]) / 20 < 0.85


def test_logits_and_flow_are_float32_in_half_precision(subject: IntermediateFlow) -> None:
    for part in subject.convolutional():
        part.bfloat16()
    frames = torch.rand(2, 1, 3, 32, 64)
    start = start_at(torch.zeros(1, 4, 32, 64), 0.5)
    corrected = subject(subject.describe(frames[0]), subject.describe(frames[1]), start, 0.5)
    assert {part.dtype for part in corrected} == {torch.float32}
