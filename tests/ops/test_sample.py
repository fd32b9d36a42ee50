"""Cubic sampling: the kernel against the definition, and what a reader of pixels must do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vfi_cli.ops import sample as module
from vfi_cli.ops.sample import sample


def image(channels: int = 3) -> Tensor:
    return torch.rand(2, channels, 24, 32, generator=torch.Generator().manual_seed(0))


def shift(dx: float, dy: float) -> Tensor:
    return torch.tensor([dx, dy]).view(1, 2, 1, 1).expand(2, 2, 24, 32)


@pytest.mark.parametrize("channels", [1, 3])
def test_opencv_equals_the_definition_to_the_32nd_of_a_pixel(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Smooth, so that a 64th of a pixel is little; vectors that also leave the picture.
    x = torch.nn.functional.interpolate(image(channels)[..., ::4, ::4], size=(24, 32), mode="bicubic")
    flow = 6 * torch.randn(2, 2, 24, 32, generator=torch.Generator().manual_seed(1))
    got = sample(x, flow, -0.5)
    monkeypatch.setattr(module, "runs_here", lambda *tensors: False)
    expected = sample(x, flow, -0.5)
    assert got.shape == x.shape and (got - x).abs().max() > 0.1
    torch.testing.assert_close(got, expected, atol=0.02, rtol=0)
    assert (got - expected).abs().mean() < 0.002


def test_whole_pixels_are_read_exactly_and_borders_go_on() -> None:
    x = image()
    got = sample(x, shift(2, -1), 1.0)
    torch.testing.assert_close(got[:, :, 1:, :-2], x[:, :, :-1, 2:])
    torch.testing.assert_close(got[:, :, 0, -1], x[:, :, 0, -1])


def test_fine_detail_survives_half_a_pixel() -> None:
    """Of a wave of four pixels bilinear weights leave 71 %."""
    place = torch.arange(32) * torch.pi / 2
    there = sample(torch.sin(place).expand(2, 3, 24, 32), shift(0.5, 0), 1.0)[..., 4:-4]
    true = torch.sin(place + torch.pi / 4).expand(2, 3, 24, 32)[..., 4:-4]
    assert 0.95 < there.abs().max() / true.abs().max() < 1
    torch.testing.assert_close(there, true, atol=0.05, rtol=0)


def test_gradients_reach_image_and_flow() -> None:
    x, flow = image().requires_grad_(), shift(0.3, 0.2).clone().requires_grad_()
    sample(x, flow, 0.5).square().sum().backward()
    assert x.grad is not None and flow.grad is not None
    assert x.grad.abs().sum() > 0 and flow.grad.abs().sum() > 0
