from __future__ import annotations

import logging

import pytest
import torch
from torch import Tensor

from vfi_cli import weights
from vfi_cli.engine.device import OutOfMemoryError, Runtime
from vfi_cli.engine.interpolator import Interpolator
from vfi_cli.engine.tiling import MIN_SIDE, OVERLAP, can_split, in_tiles
from vfi_cli.model.apr import Apr

CPU = Runtime(torch.device("cpu"), torch.float32)


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize(("height", "width"), [(300, 1030), (525, 515), (257, 255)])
def test_tiles_that_return_their_input_give_the_frame(height: int, width: int, count: int):
    left, right = torch.rand(2, 3, height, width)
    sizes = []

    def generate(a: Tensor, b: Tensor) -> list[Tensor]:
        sizes.append(tuple(a.shape[1:]))
        return [a, b]

    first, second = in_tiles(left, right, count, generate)
    torch.testing.assert_close(first, left)
    torch.testing.assert_close(second, right)
    rows, columns = max(1, min(count, height // MIN_SIDE)), max(1, min(count, width // MIN_SIDE))
    assert len(sizes) == rows * columns
    assert all(w < width / columns + OVERLAP and h < height / rows + OVERLAP for h, w in sizes)


def test_a_frame_is_not_cut_into_too_small_tiles():
    assert can_split(720, 1280, 4) and not can_split(720, 1280, 8)


def full_above(monkeypatch: pytest.MonkeyPatch, pixels: int) -> None:
    """Make frames of more than `pixels` pixels run out of memory."""
    extract_features = Apr.extract_features

    def limited(self: Apr, image: Tensor, **options: bool) -> object:
        if image.shape[-2] * image.shape[-1] > pixels:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return extract_features(self, image, **options)

    monkeypatch.setattr(Apr, "extract_features", limited)


def pair_and_truth() -> tuple[Tensor, Tensor, Tensor]:
    """Two frames of a texture that moves by 8 pixels, and the true frame half way."""
    coarse = torch.rand(1, 3, 40, 80, generator=torch.Generator().manual_seed(0))
    wide = torch.nn.functional.interpolate(coarse, (320, 640), mode="bicubic").clamp(0, 1)[0]
    return wide[..., 8:616], wide[..., :608], wide[..., 4:612]


def decibels(frame: Tensor, truth: Tensor) -> float:
    return float(-10 * (frame - truth).square().mean().log10())


def test_after_out_of_memory_frames_are_made_in_tiles_without_a_visible_seam(monkeypatch: pytest.MonkeyPatch, caplog):
    left, right, truth = pair_and_truth()
    whole = Interpolator(weights.load("lite"), CPU)
    (expected,) = whole.between(whole.prepare(left), whole.prepare(right), [0.5])
    full_above(monkeypatch, 400 * 400)
    tiled = Interpolator(weights.load("lite"), CPU)
    with caplog.at_level(logging.WARNING):
        frames = [tiled.prepare(left), tiled.prepare(right)]
        (frame,) = tiled.between(*frames, [0.5])
    assert "out of memory" in caplog.text and len(caplog.records) == 1
    inside = slice(None), slice(16, -16), slice(16, -16)  # without the border, where new content enters the frame
    assert (frame - expected)[inside].abs().mean((0, 1)).max() < 0.5 / 255  # per column, so that a seam shows
    assert decibels(frame[inside], truth[inside]) > decibels(expected[inside], truth[inside]) - 0.2


def test_running_out_of_memory_within_a_clip_loses_no_frame(monkeypatch: pytest.MonkeyPatch):
    left, right, _ = pair_and_truth()
    interpolator = Interpolator(weights.load("lite"), CPU)
    before = interpolator.prepare(left)
    full_above(monkeypatch, 400 * 400)
    frames = interpolator.between(before, interpolator.prepare(right), [0.25, 0.75])
    assert [frame.shape for frame in frames] == [left.shape] * 2


def test_opacity_is_made_in_tiles_too(monkeypatch: pytest.MonkeyPatch):
    left, right, _ = (torch.cat((rgb, torch.full_like(rgb[:1], 0.5))) for rgb in pair_and_truth())
    full_above(monkeypatch, 400 * 400)
    interpolator = Interpolator(weights.load("lite"), CPU)
    (frame,) = interpolator.between(interpolator.prepare(left), interpolator.prepare(right), [0.5])
    torch.testing.assert_close(frame[3], torch.full_like(frame[3], 0.5))


def test_too_little_memory_for_the_smallest_tile_is_an_error(monkeypatch: pytest.MonkeyPatch):
    left, _, _ = pair_and_truth()
    full_above(monkeypatch, 0)
    interpolator = Interpolator(weights.load("lite"), CPU)
    with pytest.raises(OutOfMemoryError):
        interpolator.between(interpolator.prepare(left), interpolator.prepare(left), [0.5])
