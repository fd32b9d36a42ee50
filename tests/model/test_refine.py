"""Refine blocks: their features are bounded, and those of shipped models have learned something."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.model.networks import SMALL, each_config, untrained
from vfi_cli import weights
from vfi_cli.errors import ModelError
from vfi_cli.model.apr import Apr
from vfi_cli.model.config import PRESETS, AprConfig
from vfi_cli.model.refine import bounded
from vfi_cli.train.data.synthetic import Synthetic
from vfi_cli.train.data.windows import Window


def shipped() -> list[str]:
    """The models that have weights."""
    names = []
    for name in PRESETS:
        with contextlib.suppress(ModelError):
            names.append(weights.find(name).stem)
    return names


@pytest.fixture(scope="module")
def frames() -> tuple[Tensor, Tensor]:
    """Two frames of textures that move in front of each other."""
    draw = np.random.default_rng(0)
    noise = [torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(k)) for k in range(4)]
    images = [torch.nn.functional.interpolate(coarse, (256, 256), mode="bicubic").clamp(0, 1) for coarse in noise]
    codes = [(image[0].permute(1, 2, 0) * 255).byte().numpy()[None].repeat(3, 0) for image in images]
    windows = [Window(str(k), 3, 256, 256, lambda code=code: code) for k, code in enumerate(codes)]
    batch = Synthetic(windows, size=128, seed=0, device=torch.device("cpu")).draw(2, draw, 1.0)
    return batch.frame_0, batch.frame_1


@torch.inference_mode()
def features_of(model: Apr, frame_0: Tensor, frame_1: Tensor) -> tuple[list[Tensor], Tensor]:
    """The features of all blocks on whole images, and the prediction of the head."""
    features_0, features_1 = model.extract_features(frame_0), model.extract_features(frame_1)
    flow = model.estimate_flow(features_0, features_1)
    _, contexts = model.warp(features_0, features_1, flow, 0.5)
    features = model.synthesis.features(contexts, None)
    return features, model.synthesis.fuse(features, *contexts[0][0].shape[-2:])


def test_block_inputs_are_bounded_and_small_features_stay_small() -> None:
    feature = torch.randn(1, 16, 4, 4)
    assert bounded(1e6 * feature).square().sum(1).max() <= 16 * 1.001
    torch.testing.assert_close(bounded(1e-3 * feature), 1e-3 * feature, rtol=1e-4, atol=1e-8)
    assert bounded((3e4 * feature.sign()).half()).isfinite().all()  # the square of 3e4 overflows half precision


@each_config
def test_features_do_not_grow_from_block_to_block(config: AprConfig) -> None:
    """The weights are 1.5 times the initial ones. With these, a chain of plain blocks grew tenfold per block."""
    net = untrained(config).synthesis
    for parameter in net.parameters():
        parameter.mul_(1.5)
    side = config.patch // config.stride
    contexts = [(torch.randn(1, config.context, side, side), torch.randn(1, config.context, side, side))] * 5
    first, *_, last = net.features(contexts, None)
    assert last.abs().median() < 20 * first.abs().median()


@pytest.mark.parametrize("name", shipped())
def test_features_of_shipped_models_are_bounded_and_have_more_than_one_direction(
    name: str, frames: tuple[Tensor, Tensor]
) -> None:
    features, _ = features_of(weights.load(name), *frames)
    for feature in features:
        assert feature.abs().max() < 1000 and feature.abs().amax(1).median() < 50
    fused = bounded(torch.stack(features).mean(0))
    spectrum = torch.linalg.svdvals(fused.permute(1, 0, 2, 3).flatten(1).double()).square()
    assert spectrum[0] / spectrum.sum() < 0.9


@pytest.mark.parametrize("name", shipped())
def test_blend_logits_of_shipped_models_vary_over_the_image(name: str, frames: tuple[Tensor, Tensor]) -> None:
    """The standard deviation over the image was 0.015 in a network that had learned no blending."""
    model = weights.load(name)
    _, packed = features_of(model, *frames)
    logits = torch.nn.functional.pixel_shuffle(packed, model.config.stride)[:, :-3]
    odds = logits if len(logits[0]) == 1 else logits - logits.mean(1, keepdim=True)
    assert odds.std((0, 2, 3)).max() > 0.03


@pytest.mark.parametrize("name", shipped())
def test_shipped_models_give_finite_and_similar_frames_in_fp16(name: str, frames: tuple[Tensor, Tensor]) -> None:
    """GPUs without bfloat16 use fp16."""
    model = weights.load(name)
    with torch.inference_mode():
        exact = model(*frames, 0.5)
        for part in model.convolutional():
            part.half()
        rounded = model(*frames, 0.5)
    assert rounded.isfinite().all()
    assert (exact - rounded).abs().mean() < 1 / 255


def test_a_skipped_block_keeps_the_feature_unchanged() -> None:
    config = SMALL["lite"]
    net = untrained(config).synthesis
    side = config.patch // config.stride
    contexts = [(torch.randn(1, config.context, side, side), torch.randn(1, config.context, side, side))] * 5
    features = net.features(contexts, torch.tensor([[[1.0, 0, 1, 0]]]))
    assert torch.equal(features[1], features[2]) and torch.equal(features[3], features[4])
    assert not torch.equal(features[0], features[1]) and not torch.equal(features[2], features[3])
