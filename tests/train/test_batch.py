from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from vfi_cli.model.apr import Aligned, align
from vfi_cli.train.batch import Batch, augment, flatten, recolour, turn


def sample(seed: int = 0) -> Batch:
    """Frames that moved along a smooth flow, with holes."""
    draw = torch.Generator().manual_seed(seed)
    frame_0, frame_1, truth = torch.rand(3, 1, 3, 32, 32, generator=draw)
    coarse = 5 * torch.randn(1, 4, 3, 3, generator=draw)
    flow = torch.nn.functional.interpolate(coarse, (32, 32), mode="bilinear")
    t = 0.3
    return Batch(frame_0, frame_1, truth, torch.full((1, 1, 1, 1), t), flow, align(frame_0, frame_1, flow, t))


def assert_aligned(batch: Batch) -> None:
    """What was warped before is what would be warped now."""
    assert batch.aligned is not None and batch.flow is not None
    again = align(batch.frame_0, batch.frame_1, batch.flow, batch.t.item())
    assert (again.weight_0 == 0).any()
    for name in Aligned._fields:
        torch.testing.assert_close(getattr(batch.aligned, name), getattr(again, name), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("turns", list(itertools.product([False, True], repeat=4)), ids=str)
def test_turning_the_warped_is_warping_the_turned(turns: tuple[bool, bool, bool, bool]) -> None:
    assert_aligned(turn(sample(), *turns))


def test_recolouring_the_warped_is_warping_the_recoloured() -> None:
    assert_aligned(recolour(sample(), np.random.default_rng(0)))


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
    plain = sample()._replace(flow=None, aligned=None)
    for seed in range(8):
        changed = augment(plain, np.random.default_rng(seed), colour=True)
        assert changed.flow is None and changed.aligned is None and changed.truth.shape == plain.truth.shape
