from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from vfi_cli.model import flow_dis
from vfi_cli.model.camera import Array, add_motion, camera_motion, warp_back
from vfi_cli.model.flow_dis import DisFlow

MOTION = np.array([[1.01, 0.02, -5.5], [-0.02, 0.99, 3.25]])


def texture(height: int, width: int, seed: int = 3) -> Array:
    """Smooth random spots, (height, width) uint8."""
    noise = np.random.default_rng(seed).uniform(0, 255, (height // 4 + 1, width // 4 + 1)).astype(np.float32)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def seen_after(luma: Array, motion: Array) -> Array:
    """The next frame if the camera moves by `motion`."""
    return cv2.warpAffine(luma, motion, luma.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def facade(height: int, width: int, period: int) -> Array:
    """A facade of windows at equal distances; each has its own brightness."""
    rng = np.random.default_rng(1)
    windows = rng.uniform(150, 230, (height // period + 1, width // period + 1)).repeat(period, 0).repeat(period, 1)
    y, x = np.mgrid[:height, :width] % period
    return np.where((y < period // 2) & (x < period // 2), 20, windows[:height, :width]).astype(np.uint8)


@pytest.mark.parametrize("size", [(240, 320), (720, 960)], ids=["full size", "shrunken"])
def test_camera_motion_is_found(size):
    luma = texture(*size)
    motion = camera_motion(luma, seen_after(luma, MOTION))
    assert motion is not None
    corners = np.array([[0, 0, 1], [size[1], 0, 1], [0, size[0], 1], [size[1], size[0], 1]]).T
    assert np.abs(motion @ corners - MOTION @ corners).max() < 0.5


@pytest.mark.parametrize("pair", ["flat", "still", "unrelated"])
def test_flat_equal_and_unrelated_frames_have_no_camera_motion(pair):
    luma = np.full((240, 320), 90, np.uint8) if pair == "flat" else texture(240, 320)
    other = texture(240, 320, seed=4) if pair == "unrelated" else luma
    assert camera_motion(luma, other) is None


def test_a_small_moving_region_is_not_taken_for_camera_motion():
    luma = texture(240, 320)
    other = texture(240, 320, seed=4)
    other[:80, :80] = seen_after(luma, MOTION)[:80, :80]
    assert camera_motion(luma, other) is None


def test_add_motion_gives_the_flow_including_the_camera_motion():
    flow = np.random.default_rng(0).normal(size=(30, 40, 2)).astype(np.float32)
    y, x = np.mgrid[:30, :40]
    places = np.stack((x + flow[..., 0], y + flow[..., 1], np.ones((30, 40))), 2)
    expected = places @ MOTION.T - np.stack((x, y), 2)
    np.testing.assert_allclose(add_motion(flow, MOTION), expected, atol=1e-4)


def test_warp_back_undoes_the_camera_motion():
    luma = texture(240, 320)
    back = warp_back(seen_after(luma, MOTION), MOTION)
    assert np.abs(back[20:-20, 20:-20].astype(int) - luma[20:-20, 20:-20]).mean() < 2


def flow_01(luma: Array, moved: Array) -> Array:
    flow = DisFlow()([torch.from_numpy(luma)], [torch.from_numpy(moved)])
    return flow[0, :2].permute(1, 2, 0).numpy()


@pytest.fixture
def repeated() -> tuple[Array, Array]:
    """Two frames of a repetitive facade, whose motion DIS alone gets wrong by a period."""
    luma = facade(256, 320, period=12)
    return luma, np.roll(luma, (3, -5), (0, 1))


def test_the_flow_of_a_repetitive_texture_is_not_off_by_a_period(repeated):
    wrong = np.abs(flow_01(*repeated) - (-5, 3)).max(2)[32:-32, 32:-32] > 0.5
    assert wrong.mean() < 0.1


def test_a_static_object_before_a_moving_repetitive_texture_has_no_flow(repeated):
    for frame in repeated:
        frame[90:170, 120:200] = texture(80, 80, seed=5)
    flow = flow_01(*repeated)
    assert (np.abs(flow[98:162, 128:192]).max(2) > 0.5).mean() < 0.1
    assert (np.abs(flow[32:80, 32:-32] - (-5, 3)).max(2) > 0.5).mean() < 0.1


@pytest.mark.parametrize("shift", [4, 8])
def test_a_correct_flow_of_dis_is_not_changed(shift, monkeypatch):
    scene = texture(240, 400)
    luma, moved = scene[:, shift : 320 + shift].copy(), scene[:, :320].copy()
    assert camera_motion(luma, moved) is not None
    flow = flow_01(luma, moved)
    monkeypatch.setattr(flow_dis, "camera_motion", lambda *lumas: None)
    assert np.array_equal(flow, flow_01(luma, moved))
