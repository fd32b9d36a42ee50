from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from vfi_cli.model.apr import Aligned, align
from vfi_cli.train.samples import GAPS, AlignedCrops, Batch, augment, collate


def sample(seed: int = 0) -> Batch:
    """Frames that moved along a smooth flow, with holes."""
    draw = torch.Generator().manual_seed(seed)
    frame_0, frame_1, truth = torch.rand(3, 1, 3, 32, 32, generator=draw)
    coarse = 5 * torch.randn(1, 4, 3, 3, generator=draw)
    flow = torch.nn.functional.interpolate(coarse, (32, 32), mode="bilinear")
    t = 0.3
    return Batch(frame_0, frame_1, align(frame_0, frame_1, flow, t), flow, truth, torch.full((1, 1, 1, 1), t))


@pytest.mark.parametrize("turns", list(itertools.product([False, True], repeat=4)), ids=str)
def test_augmenting_the_warped_is_warping_the_augmented(turns: tuple[bool, bool, bool, bool]) -> None:
    batch = augment(sample(), *turns)
    again = align(batch.frame_0, batch.frame_1, batch.flow, batch.t.item())
    assert (again.weight_0 == 0).any()
    for name in Aligned._fields:
        torch.testing.assert_close(getattr(batch.aligned, name), getattr(again, name), atol=1e-5, rtol=1e-4)


def test_every_turn_is_another_picture_and_takes_the_truth_along() -> None:
    batch = sample()
    truths = set()
    for turns in itertools.product([False, True], repeat=3):
        turned = augment(batch._replace(truth=batch.frame_0), *turns, False)
        assert torch.equal(turned.truth, turned.frame_0)
        truths.add(turned.truth.numpy().tobytes())
    assert len(truths) == 8


def test_time_reversed_twice_is_time() -> None:
    batch = sample()
    twice = augment(augment(batch, *(False,) * 3, True), *(False,) * 3, True)
    assert torch.equal(twice.flow, batch.flow) and torch.equal(twice.frame_0, batch.frame_0)
    assert twice.t.item() == pytest.approx(batch.t.item())


def test_collates_along_the_first_axis() -> None:
    batch = collate([sample(0), sample(1), sample(2)])
    assert batch.frame_0.shape == (3, 3, 32, 32) and batch.t.shape == (3, 1, 1, 1)
    assert torch.equal(batch.aligned.weight_1[1], sample(1).aligned.weight_1[0])


@pytest.fixture
def windows() -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.integers(0, 256, (frames, 40, 48, 3), np.uint8) for frames in (3, 9)]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """The samples set it to one, in a process of their own."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_batches_are_crops_of_pairs_and_the_frame_between(windows: list[np.ndarray]) -> None:
    crops = AlignedCrops(windows, size=32, batch=4, crops=2, seed=0)
    times = set()
    for batch in itertools.islice(crops, 20):
        assert {tuple(image.shape) for image in batch[:2]} == {(4, 3, 32, 32)}
        assert batch.flow.shape == (4, 4, 32, 32) and batch.aligned.weight_0.shape == (4, 1, 32, 32)
        assert batch.t.min() > 0 and batch.t.max() < 1
        assert torch.equal(batch.t[0].minimum(1 - batch.t[0]), batch.t[1].minimum(1 - batch.t[1]))  # one pair
        times |= set(batch.t.flatten().tolist())
    assert 0.5 in times and len(times) > 4


def test_crops_of_a_still_window_are_all_the_same_picture() -> None:
    window = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 40, 48, 3), np.uint8), max(GAPS) + 1, 0)
    batch = next(iter(AlignedCrops([window], size=32, batch=4, crops=2, seed=0)))
    for image in (batch.frame_0, batch.frame_1, batch.aligned.image_0, batch.aligned.image_1):
        torch.testing.assert_close(image, batch.truth)
    assert not batch.flow.any()


def test_a_seed_is_a_sequence_of_batches(windows: list[np.ndarray]) -> None:
    def first(seed: int) -> Batch:
        return next(iter(AlignedCrops(windows, size=32, batch=2, crops=1, seed=seed)))

    assert torch.equal(first(1).truth, first(1).truth)
    assert not torch.equal(first(1).truth, first(2).truth)
