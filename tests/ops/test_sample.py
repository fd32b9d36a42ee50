"""Backward warp: the kernels equal the reference; exactness, borders and gradients."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from vfi_cli.ops import sample as module
from vfi_cli.ops.sample import sample, sample_sharp

Sampler = Callable[[Tensor, Tensor], Tensor]

each_sampler = pytest.mark.parametrize("sampler", [sample, sample_sharp])


def image(channels: int = 3) -> Tensor:
    return torch.rand(2, channels, 24, 32, generator=torch.Generator().manual_seed(0))


def shift(dx: float, dy: float) -> Tensor:
    return torch.tensor([dx, dy]).view(1, 2, 1, 1).expand(2, 2, 24, 32)


@each_sampler
@pytest.mark.parametrize("channels", [1, 3, 32])
def test_the_kernel_equals_the_reference(sampler: Sampler, channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = image(channels)
    flow = 12 * torch.randn(2, 2, 24, 32, generator=torch.Generator().manual_seed(1))  # also out of the image
    got = sampler(x, flow)
    monkeypatch.setattr(module, "runs_here", lambda *tensors: False)
    expected = sampler(x, flow)
    assert got.shape == x.shape and (got - x).abs().max() > 0.1
    torch.testing.assert_close(got, expected, atol=2e-5, rtol=0)


@each_sampler
def test_whole_pixel_flow_is_exact_and_borders_are_repeated(sampler: Sampler) -> None:
    x = image()
    got = sampler(x, shift(2, -1))
    torch.testing.assert_close(got[:, :, 1:, :-2], x[:, :, :-1, 2:])
    torch.testing.assert_close(got[:, :, 0, -1], x[:, :, 0, -1])


@each_sampler
@pytest.mark.parametrize("vector", [math.inf, -math.inf, math.nan, 1e30])
def test_no_flow_value_reads_outside_of_the_image(sampler: Sampler, vector: float) -> None:
    got = sampler(image(), shift(vector, vector))
    assert got.isfinite().all() and got.min() >= -0.5 and got.max() <= 1.5


def test_sharp_sampling_keeps_fine_detail_at_half_a_pixel() -> None:
    """Bilinear weights keep 71 % of the amplitude of a wave of four pixels."""
    place = torch.arange(32) * torch.pi / 2
    wave, true = (torch.sin(place + phase).expand(2, 3, 24, 32) for phase in (0, torch.pi / 4))
    soft, sharp = (sampler(wave, shift(0.5, 0))[..., 4:-4].abs().max() for sampler in (sample, sample_sharp))
    assert soft < 0.72 * true.abs().max() and 0.8 < sharp / true.abs().max() < 1


@each_sampler
def test_gradients_reach_image_and_flow(sampler: Sampler) -> None:
    x, flow = image().requires_grad_(), shift(0.3, 0.2).clone().requires_grad_()
    sampler(x, flow).square().sum().backward()
    assert x.grad is not None and flow.grad is not None
    assert x.grad.abs().sum() > 0 and flow.grad.abs().sum() > 0
