from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from vfi_cli.measure.psnr import psnr as measured_psnr
from vfi_cli.model.config import PAPER_KEEP_RATIOS
from vfi_cli.train.learn.losses import (
    census,
    charbonnier,
    endpoint_error,
    psnr,
    reference_route,
    relative_error,
)


def test_relative_error_rates_ten_percent_less_error_the_same_in_every_image() -> None:
    truth = torch.zeros(2, 3, 8, 8)
    error = torch.tensor([0.5, 0.1]).view(2, 1, 1, 1).expand_as(truth)
    for image in range(2):
        better = error.clone()
        better[image] *= 0.9
        gain = relative_error(error, truth) - relative_error(better, truth)
        assert gain.item() == pytest.approx(-np.log(0.9), rel=2e-2)


def test_psnr_equals_the_mean_of_measure_psnr() -> None:
    draw = np.random.default_rng(0)
    output, truth = draw.integers(0, 256, (2, 2, 16, 16, 3), np.uint8)
    scores = [measured_psnr(*images) for images in zip(output, truth, strict=True)]

    def images(codes: np.ndarray) -> Tensor:
        return torch.from_numpy(codes).permute(0, 3, 1, 2) / 255

    assert psnr(images(output), images(truth)).item() == pytest.approx(np.mean(scores), abs=1e-2)


def test_psnr_of_equal_images_is_50_db() -> None:
    image = torch.rand(1, 3, 8, 8)
    assert psnr(image, image).item() == pytest.approx(50)


def test_reference_route_passes_the_worst_patches_of_the_batch() -> None:
    difference = torch.rand(4, 10, generator=torch.Generator().manual_seed(0))
    route = reference_route(difference, PAPER_KEEP_RATIOS)
    assert route.shape == (4, 10, 4)
    assert route.sum((0, 1)).tolist() == [4, 16, 24, 36]
    for k in range(4):
        passes = route[..., k] == 1
        assert difference[passes].min() > difference[~passes].max()


def test_reference_route_of_all_and_of_none() -> None:
    route = reference_route(torch.rand(2, 3), (0.0, 1.0))
    assert not route[..., 0].any() and route[..., 1].all()


def test_reference_route_ranks_every_block_by_its_own_difference() -> None:
    difference = torch.tensor([[[3.0, 1.0], [2.0, 2.0], [1.0, 3.0], [0.0, 0.0]]])
    assert reference_route(difference, (0.25, 0.5)).tolist() == [[[1, 0], [0, 1], [0, 1], [0, 0]]]


def test_charbonnier_is_the_mean_absolute_difference() -> None:
    output, truth = torch.rand(2, 2, 3, 8, 8)
    assert charbonnier(output, truth).item() == pytest.approx((output - truth).abs().mean().item(), abs=1e-3)
    assert charbonnier(truth, truth).item() == pytest.approx(1e-3)


def test_census_measures_structure_and_ignores_brightness() -> None:
    draw = torch.Generator().manual_seed(0)
    truth = torch.rand(1, 3, 16, 16, generator=draw) / 2
    other = torch.rand(1, 3, 16, 16, generator=draw) / 2
    assert census(truth, truth).item() == 0
    assert census(truth + 0.3, truth).item() < 1e-6
    assert 0.2 < census(other, truth).item() < 1
    nearer = torch.lerp(truth, other, 0.1).requires_grad_()
    assert census(nearer, truth).item() < census(other, truth).item()
    census(nearer, truth).backward()
    assert nearer.grad is not None and nearer.grad.isfinite().all() and nearer.grad.any()


def test_endpoint_error_is_a_distance_in_pixels() -> None:
    flow = torch.zeros(1, 4, 2, 2)
    flow[:, 0], flow[:, 1] = 3, 4
    assert endpoint_error(flow, torch.zeros_like(flow)).item() == pytest.approx(2.5, abs=1e-3)
