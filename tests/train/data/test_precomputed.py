from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from vfi_cli.model.flow import FlowNet
from vfi_cli.model.intermediate import STRIDE
from vfi_cli.train.data import precomputed
from vfi_cli.train.data.batch import flatten, to_image
from vfi_cli.train.data.precomputed import PrecomputedCrops, crop_to, precompute
from vfi_cli.train.data.windows import Frames, Window
from vfi_cli.train.recipes import RECIPES, Gaps
from vfi_cli.train.run.validation import validation_set

GAPS: Gaps = ((2, 0.6), (3, 0.1), (4, 0.3))


def window(frames: Frames) -> Window:
    return Window("clip", *frames.shape[:3], lambda: frames)


def crops(windows: list[Window], *, pairs: int = 8, crops: int = 1, seed: int = 0) -> PrecomputedCrops:
    device = torch.device("cpu")
    return PrecomputedCrops(windows, size=32, pairs=pairs, crops=crops, gaps=GAPS, seed=seed, device=device)


@pytest.fixture
def windows() -> list[Window]:
    draw = np.random.default_rng(0)
    return [window(draw.integers(0, 256, (frames, 64, 96, 3), np.uint8)) for frames in (3, 9)]


def test_batches_are_crops_of_pairs_and_the_frame_between(windows: list[Window]) -> None:
    samples, rng = crops(windows, pairs=30, crops=2), np.random.default_rng(0)
    times = set()
    for _ in range(20):
        batch = samples.draw(4, rng, 1)
        assert {tuple(image.shape) for image in batch[:3]} == {(4, 3, 32, 32)}
        assert batch.target is not None and batch.target.shape == (4, 4, 8, 8)
        assert batch.error is not None and batch.error.shape == (4, 2, 8, 8)
        assert batch.t.min() > 0 and batch.t.max() < 1
        times |= set(batch.t.flatten().tolist())
    assert 0.5 in times and len(times) > 1


def test_stored_crops_equal_the_frames_up_to_one_gray_level(windows: list[Window]) -> None:
    """The frames have the size of one crop, so the crop is the whole frame."""
    frames = windows[0].read()[:, :32, :32]
    batch = crops([window(frames)], pairs=1).draw(1, np.random.default_rng(0), 1)
    for image, frame in zip((batch.frame_0, batch.truth, batch.frame_1), frames, strict=True):
        torch.testing.assert_close(image[0], torch.from_numpy(frame).permute(2, 0, 1) / 255)
    expected = precompute(frames, (0, 1, 2))
    assert batch.target is not None and batch.error is not None and expected.error is not None
    torch.testing.assert_close(batch.target, expected.target, atol=0.02, rtol=1e-3)
    torch.testing.assert_close(batch.error, expected.error.clamp(max=0.255), atol=0.001, rtol=0)


def test_a_crop_contains_its_part_of_the_flow(windows: list[Window]) -> None:
    whole = precompute(windows[1].read(), (0, 2, 4))
    part = crop_to(whole, 4, 12, 32, 24)
    assert whole.target is not None and part.target is not None
    assert whole.searched is not None and part.searched is not None
    assert torch.equal(part.searched, whole.searched[..., 1:9, 3:9])
    assert torch.equal(part.truth, whole.truth[..., 4:36, 12:36])
    assert torch.equal(part.target, whole.target[..., 1:9, 3:9])


def moved_by(*steps: int) -> Frames:
    """A smooth texture, shifted to the right by each of `steps` pixels."""
    rough = np.random.default_rng(0).integers(0, 256, (20, 40, 3), np.uint8)
    texture = cv2.resize(rough, (320, 160), interpolation=cv2.INTER_CUBIC)
    return np.stack([texture[:128, 96 - step : 96 - step + 160] for step in steps])


def test_the_target_leads_from_the_true_frame_to_both_ends() -> None:
    batch = precompute(moved_by(0, 4, 12), (0, 1, 2))
    assert batch.target is not None and batch.error is not None
    inside = batch.target[0, :, 6:-6, 6:-6]
    expected = torch.tensor([-1.0, 0, 2, 0]).view(4, 1, 1).expand_as(inside)  # quarters of 4 and 8 pixels
    torch.testing.assert_close(inside, expected, atol=0.1, rtol=0)
    assert batch.error[..., 6:-6, 6:-6].max() < 0.03


def test_the_dis_flow_is_computed_on_whole_frames() -> None:
    frames = moved_by(0, 4, 12)
    batch = precompute(frames, (0, 1, 2))
    assert batch.searched is not None
    inside = batch.searched[0, :, 6:-6, 6:-6]
    expected = torch.tensor([3.0, 0, -3, 0]).view(4, 1, 1).expand_as(inside)  # quarters of 12 pixels
    torch.testing.assert_close(inside, expected, atol=0.1, rtol=0)


def test_the_target_is_the_flow_with_the_smaller_photometric_error(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = moved_by(0, 4, 8)
    right, wrong = (torch.tensor([-x, 0, x, 0]).view(1, 4, 1, 1).expand(1, 4, 128, 160) for x in (4.0, 20.0))
    teacher = FlowNet()
    for teacher_flow, searched in ((right, wrong), (wrong, right)):
        monkeypatch.setattr(precomputed, "_teacher_flow", lambda *args, teacher_flow=teacher_flow: teacher_flow)
        parts = iter(torch.split(searched, 2, 1))
        monkeypatch.setattr(precomputed, "_dis_flow", lambda *args, parts=parts: next(parts))
        target = precompute(frames, (0, 1, 2), teacher).target
        assert target is not None
        torch.testing.assert_close(target[..., 8:-8, 8:-8], right[..., :16, :24] / 4)


def test_the_teacher_computes_the_flow_from_the_true_frame(windows: list[Window]) -> None:
    torch.manual_seed(0)
    teacher = FlowNet().eval().requires_grad_(False)
    frames = windows[0].read()
    truth, frame_0, frame_1 = (to_image(frames[k]) for k in (1, 0, 2))
    teacher_flow = precomputed._teacher_flow(teacher, truth, frame_0, frame_1)
    with torch.autocast("cpu", torch.bfloat16):
        direct = teacher(teacher.extract_features(truth), teacher.extract_features(frame_1))[:, :2].float()
    torch.testing.assert_close(teacher_flow[:, 2:], direct)


def test_all_images_of_a_still_window_are_equal() -> None:
    still = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8), 5, 0)
    batch = crops([window(still)], pairs=2, crops=2).draw(4, np.random.default_rng(0), 1)
    assert batch.target is not None and not batch.target.any()
    for image in (batch.frame_0, batch.frame_1):
        torch.testing.assert_close(image, batch.truth)


def test_a_small_motion_share_draws_the_crops_that_move_least(windows: list[Window]) -> None:
    still = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8), 5, 0)
    samples, rng = crops([*windows, window(still)], pairs=30), np.random.default_rng(0)
    slow, all_of_them = (samples.draw(50, rng, share).target for share in (0.1, 1.0))
    assert slow is not None and not slow.any()
    assert all_of_them is not None and all_of_them.any()


def test_the_seed_determines_the_samples(windows: list[Window]) -> None:
    def first(seed: int) -> list[torch.Tensor]:
        return flatten(crops(windows, seed=seed).draw(2, np.random.default_rng(0), 1))

    assert all(torch.equal(one, other) for one, other in zip(first(1), first(1), strict=True))
    assert not torch.equal(first(1)[0], first(2)[0])


@pytest.mark.parametrize(("height", "width"), [(135, 150), (128, 128)])
def test_validation_uses_the_middle_of_the_frames(height: int, width: int) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, height, width, 3), np.uint8)
    (batch,) = validation_set([window(frames)], RECIPES["lite"](1), torch.device("cpu"))
    top, left = (STRIDE * ((side - 128) // 2 // STRIDE) for side in (height, width))
    torch.testing.assert_close(batch.truth, to_image(frames[1])[:, :, top : top + 128, left : left + 128])
