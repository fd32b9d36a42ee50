from __future__ import annotations

import numpy as np
import pytest
import torch

from vfi_cli.model.apr import align
from vfi_cli.train.batch import flatten
from vfi_cli.train.prepared import AlignedCrops
from vfi_cli.train.recipes import Gaps
from vfi_cli.train.windows import Frames, Window

GAPS: Gaps = ((2, 0.6), (3, 0.1), (4, 0.3))


def window(frames: Frames) -> Window:
    return Window("clip", *frames.shape[:3], lambda: frames)


def crops(windows: list[Window], *, pairs: int = 8, crops: int = 1, seed: int = 0) -> AlignedCrops:
    device = torch.device("cpu")
    return AlignedCrops(windows, size=32, pairs=pairs, crops=crops, gaps=GAPS, seed=seed, device=device)


@pytest.fixture
def windows() -> list[Window]:
    draw = np.random.default_rng(0)
    return [window(draw.integers(0, 256, (frames, 40, 48, 3), np.uint8)) for frames in (3, 9)]


def test_batches_are_crops_of_pairs_and_the_frame_between(windows: list[Window]) -> None:
    samples, dice = crops(windows, pairs=30, crops=2), np.random.default_rng(0)
    times = set()
    for _ in range(20):
        batch = samples.draw(4, dice, 1)
        assert {tuple(image.shape) for image in batch[:3]} == {(4, 3, 32, 32)}
        assert batch.flow is not None and batch.flow.shape == (4, 4, 32, 32)
        assert batch.aligned is not None and batch.aligned.weight_0.shape == (4, 1, 32, 32)
        assert batch.t.min() > 0 and batch.t.max() < 1
        times |= set(batch.t.flatten().tolist())
    assert 0.5 in times and len(times) > 1


def test_kept_crops_are_those_of_the_frames_to_within_a_grey_level(windows: list[Window]) -> None:
    """A frame that fits one crop comes back whole."""
    frames = windows[0].read()[:, :32, :32]
    batch = crops([window(frames)], pairs=1).draw(1, np.random.default_rng(0), 1)
    for image, frame in zip((batch.frame_0, batch.truth, batch.frame_1), frames, strict=True):
        torch.testing.assert_close(image[0], torch.from_numpy(frame).permute(2, 0, 1) / 255)
    assert batch.flow is not None and batch.aligned is not None
    again = align(batch.frame_0, batch.frame_1, batch.flow, 0.5)
    assert ((batch.aligned.image_0 - again.image_0).abs() > 0.02).float().mean() < 0.05


def test_crops_of_a_still_window_are_all_the_same_picture() -> None:
    still = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 40, 48, 3), np.uint8), 5, 0)
    batch = crops([window(still)], pairs=2, crops=2).draw(4, np.random.default_rng(0), 1)
    assert batch.aligned is not None and batch.flow is not None
    for image in (batch.frame_0, batch.frame_1, batch.aligned.image_0, batch.aligned.image_1):
        torch.testing.assert_close(image, batch.truth)
    assert not batch.flow.any()


def test_a_short_reach_draws_what_moves_least(windows: list[Window]) -> None:
    still = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 40, 48, 3), np.uint8), 5, 0)
    samples, dice = crops([*windows, window(still)], pairs=30), np.random.default_rng(0)
    slow, all_of_them = (samples.draw(50, dice, share).flow for share in (0.1, 1.0))
    assert slow is not None and not slow.any()
    assert all_of_them is not None and all_of_them.any()


def test_a_seed_is_a_set_of_samples(windows: list[Window]) -> None:
    def first(seed: int) -> list[torch.Tensor]:
        return flatten(crops(windows, seed=seed).draw(2, np.random.default_rng(0), 1))

    assert all(torch.equal(one, other) for one, other in zip(first(1), first(1), strict=True))
    assert not torch.equal(first(1)[0], first(2)[0])
