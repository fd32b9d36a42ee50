from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vfi_cli.ops.lucas_kanade import MAX_MOTION, residual_motion


def waves(dx: float, dy: float) -> Tensor:
    """A smooth grey texture (1, 1, 64, 96), moved by (dx, dy) pixels."""
    y, x = torch.meshgrid(torch.arange(64.0) - dy, torch.arange(96.0) - dx, indexing="ij")
    image: Tensor = 0.5 + 0.2 * torch.sin(x / 3) + 0.2 * torch.cos(y / 4)
    return image[None, None]


@pytest.mark.parametrize("t", [0.3, 0.5])
def test_motion_below_one_pixel_is_measured(t: float) -> None:
    dx, dy = 0.5, -0.3
    found = residual_motion(waves(0, 0), waves(dx, dy), torch.zeros(1, 4, 32, 48), torch.tensor(t))[..., 4:-4, 4:-4]
    expected = torch.tensor([-t * dx, -t * dy, (1 - t) * dx, (1 - t) * dy]).view(1, 4, 1, 1) / 2
    assert (found - expected).abs().mean() < 0.01 and (found - expected).abs().max() < 0.06


def test_a_correct_flow_leaves_no_residual_motion() -> None:
    flow_t = torch.tensor([-1.0, 0, 1, 0]).view(1, 4, 1, 1).expand(1, 4, 32, 48)
    found = residual_motion(waves(0, 0), waves(4, 0), flow_t, torch.tensor(0.5))
    assert found[..., 4:-4, 4:-4].abs().max() < 0.02


def test_flat_and_equal_images_have_no_motion_and_motion_is_limited() -> None:
    flat = torch.full((1, 1, 32, 32), 0.5)
    assert residual_motion(flat, flat + 0.01, torch.zeros(1, 4, 16, 16), torch.tensor(0.5)).abs().max() < 1e-3
    draw = torch.Generator().manual_seed(0)
    image_0, image_1 = torch.rand(2, 1, 1, 32, 32, generator=draw)
    assert residual_motion(image_0, image_0, torch.zeros(1, 4, 16, 16), torch.tensor(0.5)).abs().max() == 0
    found = residual_motion(image_0, image_1, torch.zeros(1, 4, 16, 16), torch.tensor(0.5))
    length = (found[:, 2:] - found[:, :2]).square().sum(1).sqrt()
    assert 0 < length.max() <= MAX_MOTION / 2 + 1e-5


def test_every_pair_of_a_batch_has_its_own_time() -> None:
    frames, times = [torch.cat((waves(0, k), waves(0.4, 0))) for k in (0, 0.4)], torch.tensor([0.25, 0.75])
    together = residual_motion(*frames, torch.zeros(2, 4, 32, 48), times.view(2, 1, 1, 1))
    for k in range(2):
        alone = residual_motion(*(frame[k : k + 1] for frame in frames), torch.zeros(1, 4, 32, 48), times[k])
        torch.testing.assert_close(together[k : k + 1], alone)
