"""Flow from features that a frame has once."""

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


def test_a_frame_is_described_on_every_level_finest_first(subject: FeatureFlow) -> None:
    luma, quarter, *coarser = subject.extract_features(torch.rand(2, 3, 64, 128))
    assert luma.shape == (2, 1, 32, 64) and quarter.shape == (2, QUARTER, 16, 32)
    assert [tuple(feature.shape) for feature in coarser] == [(2, EIGHTH, 8 >> k, 16 >> k) for k in range(3)]


@pytest.mark.parametrize(("size", "count"), [((288, 512), 3), ((480, 896), 4), ((768, 1280), 4), ((1152, 1920), 5)])
def test_larger_frames_have_more_levels(size: tuple[int, int], count: int) -> None:
    assert levels(*size) == count == levels(*reversed(size))


def test_flow_is_given_on_every_level_and_at_rest_before_training(subject: FeatureFlow) -> None:
    features_0, features_1 = (subject.extract_features(torch.rand(1, 3, 64, 128)) for _ in range(2))
    flows = subject.flows(features_0, features_1)
    assert [tuple(flow.shape) for flow in flows] == [(1, 4, 2, 4), (1, 4, 4, 8), (1, 4, 8, 16)]
    assert flows[-1].any()
    subject.start_at_rest()
    assert not subject(features_0, features_1).any()


def test_the_second_flow_is_the_first_of_the_reversed_pair(subject: FeatureFlow) -> None:
    features_0, features_1 = (subject.extract_features(torch.rand(1, 3, 64, 64)) for _ in range(2))
    there, back = subject(features_0, features_1), subject(features_1, features_0)
    torch.testing.assert_close(there[:, :2], back[:, 2:])
    torch.testing.assert_close(there[:, 2:], back[:, :2])


def test_what_all_pixels_have_in_common_does_not_count() -> None:
    feature = torch.randn(1, 8, 6, 6)
    torch.testing.assert_close(normalised(5 * feature + 100), normalised(feature), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(normalised(feature).square().mean(1), torch.ones(1, 6, 6), atol=1e-2, rtol=0)


def test_flow_is_float32_in_half_precision(subject: FeatureFlow) -> None:
    for part in (subject.encoder, subject.estimator):
        part.bfloat16()
    features = subject.extract_features(torch.rand(1, 3, 64, 64))
    assert {feature.dtype for feature in features} == {torch.float32}
    assert subject(features, features).dtype == torch.float32


@pytest.mark.parametrize("step", [(24, 0), (-40, 16)])
def test_the_shipped_flow_finds_a_large_motion(step: tuple[int, int]) -> None:
    """Further than its finest level looks. A texture of many scales, as pictures have."""
    draw = torch.Generator().manual_seed(0)
    still = sum(
        F.interpolate(torch.rand(1, 3, side, side, generator=draw), (256, 256), mode="bicubic") / 4
        for side in (8, 16, 32, 64)
    )
    assert isinstance(still, torch.Tensor)
    model = weights.load("lite")
    moved = still.roll(step, (3, 2))
    with torch.inference_mode():
        features = [model.extract_features(frame, search=False) for frame in (still, moved)]
        flow = 4 * model.estimate_flow(*features)[..., 16:-16, 16:-16]
    expected = torch.tensor([*step, *(-part for part in step)]).view(1, 4, 1, 1)
    assert (flow - expected).abs().median() < 1
