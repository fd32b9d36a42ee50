from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vfi_cli.model.apr import align
from vfi_cli.train.data.batch import Batch, apply_symmetry, augment, flatten, recolour


def sample(seed: int = 0) -> Batch:
    """A sample of random frames with a smooth flow."""
    draw = torch.Generator().manual_seed(seed)
    frame_0, frame_1, truth = torch.rand(3, 1, 3, 32, 32, generator=draw)
    coarse = 5 * torch.randn(1, 4, 3, 3, generator=draw)
    flow = torch.nn.functional.interpolate(coarse, (32, 32), mode="bilinear")
    target = F.avg_pool2d(flow, 4)
    return Batch(frame_0, frame_1, truth, torch.full((1, 1, 1, 1), 0.3), target, target[:, :2].abs(), target, flow)


@pytest.mark.parametrize("symmetry", list(itertools.product([False, True], repeat=4)), ids=str)
def test_targets_are_transformed_like_the_flow(symmetry: tuple[bool, bool, bool, bool]) -> None:
    transformed = apply_symmetry(sample(), *symmetry)
    assert transformed.flow is not None and transformed.target is not None and transformed.error is not None
    torch.testing.assert_close(transformed.target, F.avg_pool2d(transformed.flow, 4))
    assert transformed.searched is not None and torch.equal(transformed.searched, transformed.target)
    first, second = (part.abs() for part in torch.split(transformed.target, 2, 1))
    of_frame_0 = second if symmetry[3] else first
    same = of_frame_0.flip(1) if symmetry[2] else of_frame_0  # transposed, dx and dy change places
    torch.testing.assert_close(transformed.error.flip(1) if symmetry[3] else transformed.error, same)


@pytest.mark.parametrize("symmetry", list(itertools.product([False, True], repeat=4)), ids=str)
def test_the_flow_still_aligns_the_frames_after_a_transform(symmetry: tuple[bool, bool, bool, bool]) -> None:
    before, after = sample(), apply_symmetry(sample(), *symmetry)
    moved, again = (
        align(batch.frame_0, batch.frame_1, batch.flow, batch.t.item())  # type: ignore[arg-type]
        for batch in (before._replace(truth=before.frame_0), after)
    )
    mean = torch.lerp(moved.image_0, moved.image_1, before.t)
    transformed = apply_symmetry(before._replace(truth=mean), *symmetry).truth
    torch.testing.assert_close(torch.lerp(again.image_0, again.image_1, after.t), transformed, atol=1e-5, rtol=1e-4)


def test_all_images_of_a_sample_get_the_same_colour_change_and_stay_in_range() -> None:
    batch = sample()._replace(truth=sample().frame_0)
    two = Batch(*(torch.cat((x, x)) for x in batch[:4]))
    changed = recolour(two, np.random.default_rng(1))
    assert torch.equal(changed.truth, changed.frame_0) and not torch.equal(changed.truth[0], changed.truth[1])
    assert changed.truth.min() >= 0 and changed.truth.max() <= 1


def test_each_symmetry_gives_another_image_and_applies_to_the_truth_too() -> None:
    batch = sample()
    truths = set()
    for symmetry in itertools.product([False, True], repeat=3):
        transformed = apply_symmetry(batch._replace(truth=batch.frame_0), *symmetry, False)
        assert torch.equal(transformed.truth, transformed.frame_0)
        truths.add(transformed.truth.numpy().tobytes())
    assert len(truths) == 8


def test_two_time_reversals_restore_the_batch() -> None:
    batch = sample()
    twice = apply_symmetry(apply_symmetry(batch, *(False,) * 3, True), *(False,) * 3, True)
    assert all(torch.allclose(one, other) for one, other in zip(flatten(batch), flatten(twice), strict=True))


def test_pairs_without_flow_are_augmented_too() -> None:
    plain = sample()._replace(flow=None, target=None, error=None)
    for seed in range(8):
        changed = augment(plain, np.random.default_rng(seed), colour=True)
        assert changed.flow is None and changed.target is None and changed.truth.shape == plain.truth.shape
