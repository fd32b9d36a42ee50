from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vfi_cli.model.apr import align
from vfi_cli.train.data.batch import Batch, augment, flatten, recolour, turn


def sample(seed: int = 0) -> Batch:
    """Frames that moved along a smooth flow, with holes."""
    draw = torch.Generator().manual_seed(seed)
    frame_0, frame_1, truth = torch.rand(3, 1, 3, 32, 32, generator=draw)
    coarse = 5 * torch.randn(1, 4, 3, 3, generator=draw)
    flow = torch.nn.functional.interpolate(coarse, (32, 32), mode="bilinear")
    target = F.avg_pool2d(flow, 4)
    return Batch(frame_0, frame_1, truth, torch.full((1, 1, 1, 1), 0.3), target, target[:, :2].abs(), target, flow)


@pytest.mark.parametrize("turns", list(itertools.product([False, True], repeat=4)), ids=str)
def test_targets_turn_with_the_flow(turns: tuple[bool, bool, bool, bool]) -> None:
    turned = turn(sample(), *turns)
    assert turned.flow is not None and turned.target is not None and turned.error is not None
    torch.testing.assert_close(turned.target, F.avg_pool2d(turned.flow, 4))
    assert turned.searched is not None and torch.equal(turned.searched, turned.target)
    first, second = (part.abs() for part in torch.split(turned.target, 2, 1))
    of_frame_0 = second if turns[3] else first
    same = of_frame_0.flip(1) if turns[2] else of_frame_0  # transposed, dx and dy change places
    torch.testing.assert_close(turned.error.flip(1) if turns[3] else turned.error, same)


@pytest.mark.parametrize("turns", list(itertools.product([False, True], repeat=4)), ids=str)
def test_flow_and_frames_turn_together(turns: tuple[bool, bool, bool, bool]) -> None:
    before, after = sample(), turn(sample(), *turns)
    moved, again = (
        align(batch.frame_0, batch.frame_1, batch.flow, batch.t.item())  # type: ignore[arg-type]
        for batch in (before._replace(truth=before.frame_0), after)
    )
    mean = torch.lerp(moved.image_0, moved.image_1, before.t)
    turned = turn(before._replace(truth=mean), *turns).truth
    torch.testing.assert_close(torch.lerp(again.image_0, again.image_1, after.t), turned, atol=1e-5, rtol=1e-4)


def test_colours_change_alike_in_all_images_of_a_sample_and_stay_in_range() -> None:
    batch = sample()._replace(truth=sample().frame_0)
    two = Batch(*(torch.cat((x, x)) for x in batch[:4]))
    changed = recolour(two, np.random.default_rng(1))
    assert torch.equal(changed.truth, changed.frame_0) and not torch.equal(changed.truth[0], changed.truth[1])
    assert changed.truth.min() >= 0 and changed.truth.max() <= 1


def test_every_turn_is_another_picture_and_takes_the_truth_along() -> None:
    batch = sample()
    truths = set()
    for turns in itertools.product([False, True], repeat=3):
        turned = turn(batch._replace(truth=batch.frame_0), *turns, False)
        assert torch.equal(turned.truth, turned.frame_0)
        truths.add(turned.truth.numpy().tobytes())
    assert len(truths) == 8


def test_time_reversed_twice_is_time() -> None:
    batch = sample()
    twice = turn(turn(batch, *(False,) * 3, True), *(False,) * 3, True)
    assert all(torch.allclose(one, other) for one, other in zip(flatten(batch), flatten(twice), strict=True))


def test_pairs_without_flow_are_augmented_too() -> None:
    plain = sample()._replace(flow=None, target=None, error=None)
    for seed in range(8):
        changed = augment(plain, np.random.default_rng(seed), colour=True)
        assert changed.flow is None and changed.target is None and changed.truth.shape == plain.truth.shape
