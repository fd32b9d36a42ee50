"""Sampling: the kernels against the definition, and what a reader of pixels must do."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from vfi_cli.ops import sample as module
from vfi_cli.ops.sample import sample, sample_sharp

Read = Callable[[Tensor, Tensor], Tensor]

each_reader = pytest.mark.parametrize("read", [sample, sample_sharp])


def image(channels: int = 3) -> Tensor:
    return torch.rand(2, channels, 24, 32, generator=torch.Generator().manual_seed(0))


def shift(dx: float, dy: float) -> Tensor:
    return torch.tensor([dx, dy]).view(1, 2, 1, 1).expand(2, 2, 24, 32)


@each_reader
@pytest.mark.parametrize("channels", [1, 3, 32])
def test_the_kernel_equals_the_definition(read: Read, channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = image(channels)
    flow = 12 * torch.randn(2, 2, 24, 32, generator=torch.Generator().manual_seed(1))  # also out of the picture
    got = read(x, flow)
    monkeypatch.setattr(module, "runs_here", lambda *tensors: False)
    expected = read(x, flow)
    assert got.shape == x.shape and (got - x).abs().max() > 0.1
    torch.testing.assert_close(got, expected, atol=2e-5, rtol=0)


@each_reader
def test_whole_pixels_are_read_exactly_and_borders_go_on(read: Read) -> None:
    x = image()
    got = read(x, shift(2, -1))
    torch.testing.assert_close(got[:, :, 1:, :-2], x[:, :, :-1, 2:])
    torch.testing.assert_close(got[:, :, 0, -1], x[:, :, 0, -1])


@each_reader
@pytest.mark.parametrize("vector", [math.inf, -math.inf, math.nan, 1e30])
def test_no_vector_reads_outside_memory(read: Read, vector: float) -> None:
    got = read(image(), shift(vector, vector))
    assert got.isfinite().all() and got.min() >= -0.5 and got.max() <= 1.5


def test_fine_detail_survives_half_a_pixel() -> None:
    """Of a wave of four pixels bilinear weights leave 71 %."""
    place = torch.arange(32) * torch.pi / 2
    wave, true = (torch.sin(place + phase).expand(2, 3, 24, 32) for phase in (0, torch.pi / 4))
    soft, sharp = (read(wave, shift(0.5, 0))[..., 4:-4].abs().max() for read in (sample, sample_sharp))
    assert soft < 0.72 * true.abs().max() and 0.8 < sharp / true.abs().max() < 1


@each_reader
def test_gradients_reach_image_and_flow(read: Read) -> None:
    x, flow = image().requires_grad_(), shift(0.3, 0.2).clone().requires_grad_()
    read(x, flow).square().sum().backward()
    assert x.grad is not None and flow.grad is not None
    assert x.grad.abs().sum() > 0 and flow.grad.abs().sum() > 0
