from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.media import make_clip
from vfi_cli.errors import InputError, UsageError
from vfi_cli.jobs.interp.overlays import StaticOverlays, read_mask
from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.read.probe import probe
from vfi_cli.video.types import ColorSpec, PlaneFormat, VideoFrame

F = Fraction
HALF = F(1, 2)
H, W = 96, 160
FORMATS = ["yuv420p", "yuv420p10", "yuv444p", "yuva444p", "gray", "gbrp12"]


def frame(luma: np.ndarray, format: PlaneFormat, chroma: int = 128) -> VideoFrame:
    """A frame of (H, W) luma in codes of 8 bits. The other planes show it too, plus `chroma` - 128 codes."""
    shapes = format.shapes(luma.shape[1], luma.shape[0])
    planes = [cv2.resize(luma, shape[::-1], interpolation=cv2.INTER_NEAREST).astype(int) for shape in shapes]
    planes[1:] = [np.clip(plane + chroma - 128, 0, 255) for plane in planes[1:]]
    deep = tuple((plane << (format.depth - 8)).astype(format.dtype) for plane in planes)
    return VideoFrame(deep, format, ColorSpec("bt709"), F(0), F(1))


def footage(count: int) -> list[np.ndarray]:
    """Coarse noise that pans by 5 pixels per frame, in place of footage."""
    wide = np.random.default_rng(0).integers(16, 236, (H // 4, W // 2), dtype=np.uint8)
    wide = cv2.resize(wide, None, fx=4, fy=4)
    return [wide[:, 5 * k : 5 * k + W].copy() for k in range(count)]


def with_logo(luma: np.ndarray) -> np.ndarray:
    drawn = luma.copy()
    drawn[40:54, 30:80] = 40
    drawn[43:51, 40:44] = drawn[45:47, 50:70] = 220
    return drawn


LOGO = with_logo(np.zeros((H, W), np.uint8)) == with_logo(np.full((H, W), 255, np.uint8))


def restored(
    overlays: StaticOverlays, made: VideoFrame, left: VideoFrame, right: VideoFrame, t: F = HALF
) -> list[np.ndarray]:
    made = replace(made, planes=tuple(plane.copy() for plane in made.planes))
    overlays.restore(made, left.planes, right.planes, t)
    return list(made.planes)


@pytest.mark.parametrize("name", FORMATS)
def test_a_logo_over_panning_footage_is_exact_from_the_first_pair_on(name: str):
    format = PlaneFormat.named(name)
    frames = [frame(with_logo(luma), format) for luma in footage(4)]
    dragged = frame(np.roll(with_logo(footage(1)[0]), 4, axis=1), format)
    overlays = StaticOverlays()
    for left, right in pairwise(frames):
        overlays.observe(left, right)
        for plane, source, bad in zip(
            restored(overlays, dragged, left, right), left.planes, dragged.planes, strict=True
        ):
            rows, columns = plane.shape
            inside = LOGO[:: -(-H // rows), :: -(-W // columns)]
            assert not np.array_equal(bad[inside], source[inside])
            assert np.array_equal(plane[inside], source[inside])
            outside = ~cv2.dilate(inside.astype(np.uint8), np.ones((3, 3))).astype(bool)
            assert (plane != bad)[outside].mean() < 0.02  # the footage is that of the model


def test_a_logo_is_exact_after_three_pairs_if_little_of_the_frame_moves():
    format = PlaneFormat.named("yuv420p")
    window = np.s_[30:64, 20:60]
    frames = []
    for luma in footage(6):
        still = np.full((H, W), 90, np.uint8)
        still[window] = luma[window]
        frames.append(frame(np.where(LOGO, with_logo(luma), still), format))
    dragged = frame(np.roll(frames[0].planes[0], 4, axis=1), format)
    overlays, exact = StaticOverlays(), []
    for left, right in pairwise(frames):
        overlays.observe(left, right)
        made = restored(overlays, dragged, left, right)[0]
        exact.append(np.array_equal(made[window][LOGO[window]], left.planes[0][window][LOGO[window]]))
    assert exact == [False, False, True, True, True]


def test_a_logo_with_coding_noise_is_restored_after_14_pairs():
    format = PlaneFormat.named("yuv420p")
    rng = np.random.default_rng(1)
    frames = []
    for luma in footage(20):
        noise = rng.integers(-2, 3, (H, W))
        frames.append(frame(np.where(LOGO, with_logo(luma) + noise, luma).astype(np.uint8), format))
    dragged = frame(np.roll(frames[0].planes[0], 4, axis=1), format)
    overlays, errors = StaticOverlays(), []
    for left, right in pairwise(frames):
        overlays.observe(left, right)
        made = restored(overlays, dragged, left, right)[0]
        errors.append(np.abs(made.astype(int) - left.planes[0])[LOGO].max())
    assert min(errors[:10]) > 100 and max(errors[14:]) <= 4


@pytest.mark.parametrize("background", ["flat", "painted"])
@pytest.mark.parametrize("width, height, step", [(4, 4, 6), (8, 8, 14), (5, 60, 9), (24, 24, 30)])
def test_a_thing_that_jumps_by_more_than_its_size_over_a_still_background_stays_visible(
    background, width, height, step
):
    format = PlaneFormat.named("yuv420p")
    wall = np.full((H, W), 100, np.uint8) if background == "flat" else footage(1)[0] // 4 + 60

    def scene(position: float) -> VideoFrame:
        luma, x = wall.copy(), round(position)
        luma[20 : 20 + height, x : x + width] = 230
        return frame(luma, format)

    overlays = StaticOverlays()
    for index in range((W - width) // step - 1):
        left, between, right = (scene(step * (index + t)) for t in (0, 0.5, 1))
        overlays.observe(left, right)
        for plane, expected in zip(restored(overlays, between, left, right), between.planes, strict=True):
            assert np.array_equal(plane, expected)


@pytest.mark.parametrize("name", FORMATS)
def test_a_still_scene_is_restored_exactly_although_the_model_rounds(name: str):
    format = PlaneFormat.named(name)
    still = frame(footage(1)[0], format)
    off_by_one = tuple((plane + np.where(plane % 2, 1, -1)).astype(format.dtype) for plane in still.planes)
    overlays = StaticOverlays()
    overlays.observe(still, still)
    made = restored(overlays, replace(still, planes=off_by_one), still, still)
    assert all(np.array_equal(plane, source) for plane, source in zip(made, still.planes, strict=True))


@pytest.mark.parametrize("shape", [(48, 64), (49, 63)])
@pytest.mark.parametrize("t, nearer", [(F(1, 3), 0), (HALF, 1), (F(3, 4), 1)])
def test_a_mask_takes_its_pixels_from_the_nearer_frame(shape: tuple[int, int], t: Fraction, nearer: int):
    format = PlaneFormat.named("yuv420p")
    sources = [frame(np.full(shape, level, np.uint8), format, 120) for level in (40, 200)]
    made = frame(np.full(shape, 100, np.uint8), format, 120)
    mask = np.zeros(shape, bool)
    mask[10:20, 31:41] = mask[-1, -1] = True
    overlays = StaticOverlays(mask)
    overlays.observe(*sources)
    y, u, _ = restored(overlays, made, *sources, t)
    assert np.array_equal(y, np.where(mask, sources[nearer].planes[0], made.planes[0]))
    cells = np.zeros(u.shape, bool)
    cells[5:10, 15:21] = cells[-1, -1] = True
    assert np.array_equal(u, np.where(cells, sources[nearer].planes[1], made.planes[1]))


def clip(folder: Path, rotation: int = 0) -> ClipInfo:
    return probe(make_clip(folder / "in.mp4", 2, width=64, height=48, rotation=rotation))


def write_image(path: Path, image: np.ndarray) -> Path:
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
    return path


def test_a_mask_is_true_from_code_128_on(tmp_path: Path):
    gradient = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
    mask = read_mask(write_image(tmp_path / "mäsk 1.png", gradient), clip(tmp_path))
    assert np.array_equal(mask, gradient >= 128)


def test_a_mask_has_the_orientation_that_players_show(tmp_path: Path):
    shown = np.zeros((64, 48), np.uint8)
    shown[:20, :] = 255  # the top; before the turn to the left, it is the right side
    mask = read_mask(write_image(tmp_path / "mask.png", shown), clip(tmp_path, rotation=90))
    assert mask.shape == (48, 64) and mask[:, -20:].all() and not mask[:, :-20].any()


@pytest.mark.parametrize("rotation, shape", [(0, (48, 63)), (0, (64, 48)), (90, (48, 64))])
def test_a_mask_of_the_wrong_size_is_a_usage_error(tmp_path: Path, rotation: int, shape: tuple[int, int]):
    path = write_image(tmp_path / "mask.png", np.zeros(shape, np.uint8))
    with pytest.raises(UsageError, match=f"{shape[1]}x{shape[0]} pixels"):
        read_mask(path, clip(tmp_path, rotation=rotation))


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_a_mask_that_is_not_an_image_is_an_input_error(tmp_path: Path, content: bytes | None):
    path = tmp_path / "mask.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="mask"):
        read_mask(path, clip(tmp_path))
