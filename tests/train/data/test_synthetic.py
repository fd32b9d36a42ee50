from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from vfi_cli.train.data.synthetic import Synthetic, render
from vfi_cli.train.data.windows import Window

SIZE = 96
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def synthetic() -> Synthetic:
    """Uses smooth textures, so that differences come from the flow and not from resampling."""
    draw = torch.Generator().manual_seed(0)
    coarse = torch.rand(8, 3, 8, 10, generator=draw)
    stills = (F.interpolate(coarse, (80, 100), mode="bicubic").clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).numpy()
    windows = [Window(str(k), 3, 80, 100, lambda k=k: stills[[k, k, k]]) for k in range(8)]  # type: ignore[misc]
    return Synthetic(windows, size=SIZE, seed=0, device=CPU)


def fetch(image: Tensor, flow: Tensor) -> Tensor:
    """The image sampled along the flow; NaN outside of the image."""
    grid = torch.stack(torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="xy"))[None] + flow
    grid = ((grid + 0.5) * 2 / SIZE - 1).permute(0, 2, 3, 1)
    fetched = F.grid_sample(image, grid, align_corners=False)
    return fetched.where((grid.abs() < 1 - 2 / SIZE).all(3)[:, None], torch.nan)


def flat(image: Tensor) -> Tensor:
    """Whether the neighbourhood of a pixel is nearly uniform, so that there is no edge between layers."""
    spread = F.max_pool2d(image, 5, 1, 2) + F.max_pool2d(-image, 5, 1, 2)
    return (spread < 0.25).all(1, keepdim=True)


@pytest.mark.parametrize("t", [0.0, 0.3, 0.5, 1.0])
def test_the_flow_gives_the_position_of_every_point_at_any_time(synthetic: Synthetic, t: float) -> None:
    """Frame 0 equals the frame at t sampled along t times the flow, unless another layer covers the point."""
    layers = synthetic._layers(16, np.random.default_rng(0), 1.0)._replace()
    zeros = torch.zeros(16, 1, 1, 1)
    frame_0, flow = render(layers, zeros)
    frame_t, flow_t = render(layers, zeros + t)
    flow_t = -flow_t if t == 1 else flow_t
    assert flow.square().sum(1).sqrt().max() > 0.2 * SIZE
    seen = (fetch(flow_t, t * flow) - flow).abs().amax(1, keepdim=True) < 0.05  # the same layer is on top
    good = seen & flat(frame_0) & flat(fetch(frame_t, t * flow).nan_to_num())
    assert good.float().mean() > 0.4
    error = (fetch(frame_t, t * flow) - frame_0).abs().amax(1, keepdim=True)[good]
    assert error.mean() < 0.004 and error.quantile(0.99) < 0.03


def test_a_batch_holds_the_flow_of_both_frames_and_the_frame_between(synthetic: Synthetic) -> None:
    batch = synthetic.draw(8, np.random.default_rng(1), 1.0)
    assert batch.flow is not None and batch.flow.shape == (8, 4, SIZE, SIZE)
    assert batch.t.min() > 0 and batch.t.max() < 1 and batch.t.unique().numel() == 8
    flow_01, flow_10 = batch.flow.split(2, 1)
    there_and_back = flow_01 + fetch(flow_10, flow_01)
    assert (there_and_back.abs().amax(1) < 0.1).float().mean() > 0.6
    for image in batch[:3]:
        assert image.min() >= 0 and image.max() <= 1
    assert not torch.equal(batch.frame_0, batch.truth)


def test_the_target_leads_from_the_frame_between_to_both_ends(synthetic: Synthetic) -> None:
    batch = synthetic.draw(8, np.random.default_rng(1), 1.0)
    assert batch.target is not None and batch.error is not None and not batch.error.any()
    flow_t = F.interpolate(4 * batch.target, scale_factor=4, mode="nearest")
    flat_truth = flat(batch.truth)
    for frame, to_frame in ((batch.frame_0, flow_t[:, :2]), (batch.frame_1, flow_t[:, 2:])):
        error = (fetch(frame, to_frame) - batch.truth).abs().amax(1, keepdim=True)
        inside = flat_truth & error.isfinite()
        assert inside.float().mean() > 0.4 and error[inside].median() < 0.01


def test_samples_have_occlusion_large_motion_and_still_text(synthetic: Synthetic) -> None:
    batch = synthetic.draw(32, np.random.default_rng(2), 1.0)
    assert batch.flow is not None
    flow_01, flow_10 = batch.flow.split(2, 1)
    there_and_back = (flow_01 + fetch(flow_10, flow_01)).abs().amax(1)
    assert 0.02 < (there_and_back > 1).float().mean() < 0.5
    assert flow_01.abs().amax((1, 2, 3)).median() > 0.05 * SIZE
    still = (flow_01 == 0).all(1).float().mean((1, 2))
    assert 0.1 < (still > 0).float().mean() < 0.6


def test_a_small_motion_share_gives_small_motion(synthetic: Synthetic) -> None:
    slow, fast = (synthetic.draw(16, np.random.default_rng(3), share).flow for share in (0.1, 1.0))
    assert slow is not None and fast is not None
    assert slow.abs().max() < 0.15 * fast.abs().max()


def test_the_seed_determines_the_batches(synthetic: Synthetic) -> None:
    one, again, other = (synthetic.draw(2, np.random.default_rng(seed), 1.0).truth for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)
