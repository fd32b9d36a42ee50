"""Opacity is warped along the flow of the colours."""

import pytest
import torch

from vfi_cli.engine.alpha import as_rgb, mix_alpha
from vfi_cli.model.apr import align


def shift(pixels: float) -> torch.Tensor:
    """flow_01, flow_10 (1, 4, 16, 32) of a motion to the right."""
    flow = torch.zeros(1, 4, 16, 32)
    flow[:, 0], flow[:, 2] = pixels, -pixels
    return flow


def bar(left: int) -> torch.Tensor:
    alpha = torch.zeros(1, 1, 16, 32)
    alpha[..., left : left + 6] = 1
    return alpha


def interpolate(left: torch.Tensor, right: torch.Tensor, flow: torch.Tensor, t: float) -> torch.Tensor:
    aligned = align(as_rgb(left), as_rgb(right), flow, t)
    return mix_alpha(aligned.image_0, aligned.image_1, t)


@pytest.mark.parametrize("t", [0.25, 0.5])
def test_a_moving_edge_stays_sharp(t):
    middle = interpolate(bar(8), bar(16), shift(8), t)
    assert torch.allclose(middle, bar(8 + round(8 * t)), atol=1e-6)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_opaque_and_transparent_frames_stay_so_at_16_bits_for_any_flow(level):
    flow = torch.randn(1, 4, 16, 32, generator=torch.Generator().manual_seed(0)) * 5
    alpha = torch.full((1, 1, 16, 32), level)
    middle = interpolate(alpha, alpha, flow, 0.3)
    assert (middle * 65535).round().unique().tolist() == [level * 65535]


def test_changing_opacity_is_averaged_by_time():
    low, high = torch.full((1, 1, 16, 32), 0.2), torch.full((1, 1, 16, 32), 0.6)
    assert torch.allclose(interpolate(low, high, shift(0), 0.25), torch.tensor(0.3))
