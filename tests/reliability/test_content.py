"""Tests still clips, scene cuts, fades, flashes, motion and repeated frames."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.media import make_clip
from tests.reliability.media import make_gray_clip, numbers

case = pytest.mark.reliability
RAMP = np.tile(np.linspace(16, 235, 64).astype(np.uint8), (64, 1))
TEXTURE = np.random.default_rng(0).integers(30, 220, (16, 16), dtype=np.uint8).repeat(8, 0).repeat(8, 1)


def lumas(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray()[: frame.height].astype(int) for frame in container.decode(video=0)]


@case(65)
@pytest.mark.parametrize("picture", [RAMP, np.full((64, 64), 16, np.uint8)], ids=["ramp", "black"])
@pytest.mark.parametrize("network", ["stub", pytest.param("real", marks=pytest.mark.slow)])
def test_a_still_clip_does_not_change(vfi, tmp_path, picture, network):
    clip = make_gray_clip(tmp_path / "in.mkv", [picture] * 3)
    done = vfi("interp", clip, "-o", tmp_path / "out.mkv", "-c:v", "ffv1", faults=["blend"] * (network == "stub"))
    assert done.code == 0, done
    assert all(np.abs(luma - picture).max() <= 1 for luma in lumas(tmp_path / "out.mkv"))


@case(65)
@pytest.mark.parametrize("mode", ["nearest", "hold"])
def test_frames_are_not_blended_across_a_scene_cut(vfi, tmp_path, mode):
    clip = make_gray_clip(tmp_path / "in.mkv", [TEXTURE] * 3 + [255 - TEXTURE.T] * 3)
    done = vfi("interp", clip, "-o", tmp_path / "out.mkv", "-c:v", "ffv1", "--scene-mode", mode)
    assert done.code == 0 and "cuts      1" in done.err
    scenes = [TEXTURE, 255 - TEXTURE.T]
    assert all(min(np.abs(luma - scene).max() for scene in scenes) <= 1 for luma in lumas(tmp_path / "out.mkv"))


@case(65)
def test_the_frames_of_a_fade_and_a_flash_are_kept_once_and_in_order(vfi, tmp_path):
    levels = [40, 80, 120, 160, 235, 160, 120, 80]
    clip = make_gray_clip(tmp_path / "in.mkv", [np.full((64, 64), level, np.uint8) for level in levels])
    done = vfi("interp", clip, "-o", tmp_path / "out.mkv", "-c:v", "ffv1")
    assert done.code == 0
    assert [luma[32, 32] for luma in lumas(tmp_path / "out.mkv")][::2] == levels


@case(65)
@pytest.mark.slow
def test_steady_motion_is_half_way_in_the_middle_frame(vfi, tmp_path):
    wide = np.random.default_rng(0).integers(30, 220, (16, 40), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    shifted = [wide[:, step : step + 128] for step in (0, 4, 8, 12)]
    clip = make_gray_clip(tmp_path / "in.mkv", shifted)
    done = vfi("interp", clip, "-o", tmp_path / "out.mkv", "-c:v", "ffv1", faults=[])
    assert done.code == 0
    made, true = lumas(tmp_path / "out.mkv")[1], wide[:, 2:130].astype(int)
    error = np.abs(made - true)[16:-16, 16:-16].mean()
    assert error < np.abs((shifted[0] + 0.0 + shifted[1]) / 2 - true)[16:-16, 16:-16].mean() / 2


@case(65)
def test_repeated_frames_keep_their_places(vfi, tmp_path):
    clip = make_clip(tmp_path / "in.mp4", 6)
    doubled = make_gray_clip(tmp_path / "in.mkv", [luma.astype(np.uint8) for luma in lumas(clip) for _ in range(2)])
    done = vfi("interp", doubled, "-o", tmp_path / "out.mkv", "--no-scene-detect")
    assert done.code == 0 and numbers(tmp_path / "out.mkv")[::2] == [n // 2 for n in range(12)]
