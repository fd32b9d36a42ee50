from __future__ import annotations

import numpy as np
import pytest
import torch

from vfi_cli.model.flow import FlowNet
from vfi_cli.model.intermediate import STRIDE
from vfi_cli.train.batch import flatten
from vfi_cli.train.prepared import PreparedCrops, crop_to, prepare
from vfi_cli.train.recipes import RECIPES, Gaps
from vfi_cli.train.validation import validation_set
from vfi_cli.train.windows import Frames, Window

GAPS: Gaps = ((2, 0.6), (3, 0.1), (4, 0.3))


def window(frames: Frames) -> Window:
    return Window("clip", *frames.shape[:3], lambda: frames)


def crops(
    windows: list[Window], *, pairs: int = 8, crops: int = 1, seed: int = 0, teacher: FlowNet | None = None
) -> PreparedCrops:
    device = torch.device("cpu")
    return PreparedCrops(
        windows, size=32, pairs=pairs, crops=crops, gaps=GAPS, seed=seed, device=device, teacher=teacher
    )


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
        assert batch.start is not None and batch.target is None
        assert batch.start.flow_t.shape == (4, 4, 8, 8) and batch.start.weight.shape == (4, 2, 8, 8)
        assert batch.t.min() > 0 and batch.t.max() < 1
        times |= set(batch.t.flatten().tolist())
    assert 0.5 in times and len(times) > 1


def test_kept_crops_are_those_of_the_frames_to_within_a_grey_level(windows: list[Window]) -> None:
    """A frame that fits one crop comes back whole."""
    frames = windows[0].read()[:, :32, :32]
    batch = crops([window(frames)], pairs=1).draw(1, np.random.default_rng(0), 1)
    for image, frame in zip((batch.frame_0, batch.truth, batch.frame_1), frames, strict=True):
        torch.testing.assert_close(image[0], torch.from_numpy(frame).permute(2, 0, 1) / 255)
    again = prepare(frames, (0, 1, 2)).start
    assert batch.start is not None and again is not None
    torch.testing.assert_close(batch.start.flow_t, again.flow_t, atol=0.02, rtol=1e-3)
    torch.testing.assert_close(batch.start.weight, again.weight, atol=0.003, rtol=0)


def test_a_crop_takes_its_part_of_the_flow_along(windows: list[Window]) -> None:
    whole = prepare(windows[1].read(), (0, 2, 4))
    part = crop_to(whole, 4, 12, 32, 24)
    assert whole.start is not None and part.start is not None
    assert torch.equal(part.truth, whole.truth[..., 4:36, 12:36])
    assert torch.equal(part.start.flow_t, whole.start.flow_t[..., 1:9, 3:9])


def test_a_teacher_is_shown_the_true_frame(windows: list[Window]) -> None:
    torch.manual_seed(0)
    samples = crops(windows, pairs=2, teacher=FlowNet().eval().requires_grad_(False))
    batch = samples.draw(2, np.random.default_rng(0), 1)
    assert batch.target is not None and batch.target.shape == (2, 4, 8, 8) and batch.target.any()


def test_crops_of_a_still_window_are_all_the_same_picture() -> None:
    still = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 40, 48, 3), np.uint8), 5, 0)
    batch = crops([window(still)], pairs=2, crops=2).draw(4, np.random.default_rng(0), 1)
    assert batch.start is not None and not batch.start.flow_t.any()
    for image in (batch.frame_0, batch.frame_1):
        torch.testing.assert_close(image, batch.truth)


def test_a_short_reach_draws_what_moves_least(windows: list[Window]) -> None:
    still = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 40, 48, 3), np.uint8), 5, 0)
    samples, dice = crops([*windows, window(still)], pairs=30), np.random.default_rng(0)
    slow, all_of_them = (samples.draw(50, dice, share).start for share in (0.1, 1.0))
    assert slow is not None and not slow.flow_t.any()
    assert all_of_them is not None and all_of_them.flow_t.any()


def test_a_seed_is_a_set_of_samples(windows: list[Window]) -> None:
    def first(seed: int) -> list[torch.Tensor]:
        return flatten(crops(windows, seed=seed).draw(2, np.random.default_rng(0), 1))

    assert all(torch.equal(one, other) for one, other in zip(first(1), first(1), strict=True))
    assert not torch.equal(first(1)[0], first(2)[0])


@pytest.mark.parametrize(("height", "width"), [(135, 150), (128, 128)])
def test_what_is_held_out_is_cropped_together_with_its_flow(height: int, width: int) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, height, width, 3), np.uint8)
    (batch,) = validation_set([window(frames)], RECIPES["lite"](1), torch.device("cpu"))
    whole = prepare(frames, (0, 1, 2))
    assert batch.start is not None and whole.start is not None
    row, column = (side // STRIDE for side in ((height - 128) // 2, (width - 128) // 2))
    torch.testing.assert_close(
        batch.start.flow_t, whole.start.flow_t[:, :, row : row + 128 // STRIDE, column : column + 128 // STRIDE]
    )
    top, left = STRIDE * row, STRIDE * column
    torch.testing.assert_close(batch.truth, whole.truth[:, :, top : top + 128, left : left + 128])
