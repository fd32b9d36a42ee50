"""Flow from features that are extracted once per frame."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from vfi_cli import weights
from vfi_cli.model.feature_flow import EIGHTH, QUARTER, FeatureFlow, levels, normalised


@pytest.fixture
def subject() -> FeatureFlow:
    torch.manual_seed(0)
    return FeatureFlow()


def test_features_are_extracted_on_every_level_finest_first(subject: FeatureFlow) -> None:
    luma, quarter, *coarser = subject.extract_features(torch.rand(2, 3, 64, 128))
    assert luma.shape == (2, 1, 32, 64) and quarter.shape == (2, QUARTER, 16, 32)
    assert [tuple(feature.shape) for feature in coarser] == [(2, EIGHTH, 8 >> k, 16 >> k) for k in range(3)]


@pytest.mark.parametrize(("size", "count"), [((288, 512), 3), ((480, 896), 4), ((768, 1280), 4), ((1152, 1920), 5)])
def test_larger_frames_have_more_levels(size: tuple[int, int], count: int) -> None:
    assert levels(*size) == count == levels(*reversed(size))


def test_every_level_has_a_flow_and_the_initialised_flow_is_zero(subject: FeatureFlow) -> None:
    features_0, features_1 = (subject.extract_features(torch.rand(1, 3, 64, 128)) for _ in range(2))
    flows = subject.flows(features_0, features_1)
    assert [tuple(flow.shape) for flow in flows] == [(1, 4, 2, 4), (1, 4, 4, 8), (1, 4, 8, 16)]
    assert flows[-1].any()
    subject.init_weights()
    assert not subject(features_0, features_1).any()


def test_flow_10_is_flow_01_of_the_reversed_pair(subject: FeatureFlow) -> None:
    features_0, features_1 = (subject.extract_features(torch.rand(1, 3, 64, 64)) for _ in range(2))
    flow, reverse = subject(features_0, features_1), subject(features_1, features_0)
    torch.testing.assert_close(flow[:, :2], reverse[:, 2:])
    torch.testing.assert_close(flow[:, 2:], reverse[:, :2])


def test_normalised_features_do_not_depend_on_mean_and_scale() -> None:
    feature = torch.randn(1, 8, 6, 6)
    torch.testing.assert_close(normalised(5 * feature + 100), normalised(feature), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(normalised(feature).square().mean(1), torch.ones(1, 6, 6), atol=1e-2, rtol=0)


def test_the_flow_is_float32_if_the_network_is_in_half_precision(subject: FeatureFlow) -> None:
    for part in (subject.encoder, subject.estimator):
        part.bfloat16()
    features = subject.extract_features(torch.rand(1, 3, 64, 64))
    assert {feature.dtype for feature in features} == {torch.float32}
    assert subject(features, features).dtype == torch.float32


@pytest.mark.parametrize("step", [(24, 0), (-40, 16)])
def test_the_flow_of_the_shipped_model_finds_large_motion(step: tuple[int, int]) -> None:
    """The motion exceeds the search radius of the finest level. The texture has many scales, as in real frames."""
    draw = torch.Generator().manual_seed(0)
    texture = sum(
        F.interpolate(torch.rand(1, 3, side, side, generator=draw), (256, 256), mode="bicubic") / 4
        for side in (8, 16, 32, 64)
    )
    assert isinstance(texture, torch.Tensor)
    model = weights.load("lite")
    moved = texture.roll(step, (3, 2))
    with torch.inference_mode():
        features = [model.extract_features(frame, search=False) for frame in (texture, moved)]
        flow = 4 * model.estimate_flow(*features)[..., 16:-16, 16:-16]
    expected = torch.tensor([*step, *(-part for part in step)]).view(1, 4, 1, 1)
    assert (flow - expected).abs().median() < 1
