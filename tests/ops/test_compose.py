"""The CPU kernels of `compose` equal their torch references, which run if a gradient is needed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from vfi_cli.ops import compose
from vfi_cli.ops.compose import HOLE, blend, cell_statistics, context_input, fill_holes, routing_input

Pair = tuple[Tensor, Tensor]

each_layout = pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format], ids=["rows", "planes"])


def images(layout: torch.memory_format, seed: int, channels: int = 3) -> Pair:
    draw = torch.Generator().manual_seed(seed)
    left, right = (torch.rand(1, channels, 16, 24, generator=draw).contiguous(memory_format=layout) for _ in range(2))
    return left, right


def weights() -> Pair:
    """Splat weights of holes, of low coverage, and of pixels where several pixels landed."""
    left, right = images(torch.contiguous_format, 9, 1)
    return 1.5 * left * (left > 0.3), 1.5 * right * (right > 0.3)


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], object]:
    """Call a function with the torch references in place of the kernels."""

    def call(function: Callable[[], object]) -> object:
        with monkeypatch.context() as patch:
            patch.setattr(compose, "runs_here", lambda *tensors: False)
            return function()

    return call


@each_layout
def test_filled_holes_equal_the_reference(layout: torch.memory_format, reference: Callable) -> None:
    frames = images(layout, 1)
    expected = reference(lambda: fill_holes(images(layout, 0), weights(), frames, 0.3))
    got = fill_holes(images(layout, 0), weights(), frames, 0.3)
    torch.testing.assert_close(got, expected)


def test_a_hole_shows_the_other_frame_and_a_common_hole_shows_the_mean() -> None:
    warped, frames, weight = images(torch.channels_last, 0), images(torch.channels_last, 1), weights()
    before = [image.clone() for image in warped]
    filled = fill_holes(warped, weight, frames, 0.25)
    holes = [(w < HOLE).expand_as(before[0]) for w in weight]
    assert (holes[0] & holes[1]).any() and (holes[0] & ~holes[1]).any()
    assert torch.equal(filled[0][holes[0] & ~holes[1]], before[1][holes[0] & ~holes[1]])
    assert torch.equal(filled[0][~holes[0]], before[0][~holes[0]])
    mixed = torch.lerp(*frames, 0.25)
    torch.testing.assert_close(filled[1][holes[0] & holes[1]], mixed[holes[0] & holes[1]])


@each_layout
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_context_input_equals_the_reference(
    layout: torch.memory_format, dtype: torch.dtype, reference: Callable
) -> None:
    def work() -> Tensor:
        return context_input(images(layout, 0), weights(), images(layout, 1), dtype)

    expected, got = reference(work), work()
    assert got.dtype == dtype and got.shape == (2, 10, 16, 24)
    torch.testing.assert_close(got, expected, atol=1e-6 if dtype == torch.float32 else 2e-2, rtol=1e-2)


def test_bfloat16_rounds_to_nearest(reference: Callable) -> None:
    def first(dtype: torch.dtype) -> Tensor:
        return context_input(images(torch.channels_last, 0), weights(), images(torch.channels_last, 1), dtype)[:, :4]

    assert torch.equal(first(torch.bfloat16), first(torch.float32).bfloat16())


@each_layout
def test_cell_statistics_equal_the_reference(layout: torch.memory_format, reference: Callable) -> None:
    def work() -> Tensor:
        return cell_statistics(images(layout, 0), weights(), images(layout, 1), 8)

    expected, got = reference(work), work()
    assert got.shape == (1, 7, 2, 3)
    torch.testing.assert_close(got, expected)


@each_layout
@pytest.mark.parametrize("stride", [1, 4])
def test_routing_input_equals_the_reference(layout: torch.memory_format, stride: int, reference: Callable) -> None:
    flow = 20 * torch.cat(images(layout, 5, 2), 1)

    def work() -> Tensor:
        return routing_input(images(layout, 0), flow, 0.1, stride)

    expected, got = reference(work), work()
    assert got.shape == (1, 13, 16 // stride, 24 // stride)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


@each_layout
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_blend_equals_the_reference(
    layout: torch.memory_format, stride: int, dtype: torch.dtype, reference: Callable
) -> None:
    draw = torch.Generator().manual_seed(2)
    packed = torch.randn(1, 7 * stride**2, 16 // stride, 24 // stride, generator=draw).to(dtype)
    candidates = (*images(layout, 0), *images(layout, 1))
    expected = reference(lambda: blend(packed, candidates, 0.3))
    torch.testing.assert_close(blend(packed, candidates, 0.3), expected, atol=1e-5, rtol=1e-4)
    more = torch.randn(1, 4, 4, 6, generator=draw)
    with_more = reference(lambda: blend(packed, candidates, 0.3, more))
    assert not torch.allclose(with_more, expected, atol=0.01)
    torch.testing.assert_close(blend(packed, candidates, 0.3, more), with_more, atol=1e-5, rtol=1e-4)


def test_coarse_logits_choose_a_hypothesis_at_their_position() -> None:
    candidates = (*images(torch.channels_last, 0), *images(torch.channels_last, 1))
    logits = torch.zeros(1, 4, 2, 3)
    logits[0, 2, :, 0] = 50
    got = blend(torch.zeros(1, 28, 8, 12), candidates, 0.5, logits)
    torch.testing.assert_close(got[..., :4], candidates[2][..., :4])
    torch.testing.assert_close(got[..., -4:], sum(candidates)[..., -4:] / 4)  # type: ignore[index]


def test_zero_logits_blend_the_hypotheses_by_time() -> None:
    """The blend of four is then the mean of the time-weighted warped and unwarped frames."""
    warped, frames = images(torch.channels_last, 0), images(torch.channels_last, 1)
    expected = (torch.lerp(*warped, 0.2) + torch.lerp(*frames, 0.2)) / 2
    torch.testing.assert_close(blend(torch.zeros(1, 7, 16, 24), (*warped, *frames), 0.2), expected)


def test_batches_and_gradients_work_without_a_kernel() -> None:
    warped = tuple(image.repeat(2, 1, 1, 1).requires_grad_() for image in images(torch.channels_last, 0))
    packed = torch.randn(2, 28, 8, 12, requires_grad=True)
    t = torch.tensor([0.2, 0.7]).view(2, 1, 1, 1)
    out = blend(packed, (*warped, *(image.repeat(2, 1, 1, 1) for image in images(torch.channels_last, 1))), t)
    out.sum().backward()
    assert packed.grad is not None and packed.grad.any() and warped[0].grad is not None
