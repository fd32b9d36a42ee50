from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from vfi_cli.model.apr import Aligned, align
from vfi_cli.train.samples import GAPS, AlignedCrops, Batch, augment, flatten


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


@pytest.fixture
def windows() -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.integers(0, 256, (frames, 40, 48, 3), np.uint8) for frames in (3, 9)]


def test_batches_are_crops_of_pairs_and_the_frame_between(windows: list[np.ndarray]) -> None:
    crops = AlignedCrops(windows, size=32, pairs=30, crops=2, seed=0)
    times = set()
    for batch in itertools.islice(crops.batches(4, seed=0), 20):
        assert {tuple(image.shape) for image in batch[:2]} == {(4, 3, 32, 32)}
        assert batch.flow.shape == (4, 4, 32, 32) and batch.aligned.weight_0.shape == (4, 1, 32, 32)
        assert batch.t.min() > 0 and batch.t.max() < 1
        times |= set(batch.t.flatten().tolist())
    assert 0.5 in times and len(times) > 4


def test_kept_crops_are_those_of_the_frames_to_within_a_grey_level(windows: list[np.ndarray]) -> None:
    """A frame that fits one crop comes back whole, however it was turned."""
    whole = [window[:3, :32, :32] for window in windows]
    batch = next(AlignedCrops(whole[:1], size=32, pairs=1, crops=1, seed=0).batches(1, seed=0))
    ends = {image.sum().item() for image in (batch.frame_0, batch.frame_1)}
    assert sorted(ends) == pytest.approx(sorted(frame.sum() / 255 for frame in whole[0][[0, 2]]), rel=1e-4)
    again = align(batch.frame_0, batch.frame_1, batch.flow, 0.5)
    assert ((batch.aligned.image_0 - again.image_0).abs() > 0.02).float().mean() < 0.05


def test_crops_of_a_still_window_are_all_the_same_picture() -> None:
    window = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 40, 48, 3), np.uint8), max(GAPS) + 1, 0)
    batch = next(AlignedCrops([window], size=32, pairs=2, crops=2, seed=0).batches(4, seed=0))
    for image in (batch.frame_0, batch.frame_1, batch.aligned.image_0, batch.aligned.image_1):
        torch.testing.assert_close(image, batch.truth)
    assert not batch.flow.any()


def test_a_seed_is_a_sequence_of_batches(windows: list[np.ndarray]) -> None:
    def first(seed: int, order: int) -> list[torch.Tensor]:
        return flatten(next(AlignedCrops(windows, size=32, pairs=8, crops=1, seed=seed).batches(2, order)))

    assert all(torch.equal(one, other) for one, other in zip(first(1, 1), first(1, 1), strict=True))
    assert not torch.equal(first(1, 1)[0], first(2, 1)[0])
    assert not torch.equal(first(1, 1)[0], first(1, 2)[0])
