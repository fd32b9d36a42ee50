import cv2
import numpy as np
import pytest

from vfi_cli.scene import SceneDetector


def frame(seed: int, height: int = 96, width: int = 160) -> np.ndarray:
    """A frame (height, width) uint8 of a random scene, with its own shapes, grain and brightness."""
    rng = np.random.default_rng(seed)
    low, high = sorted(rng.integers(0, 256, 2))
    image = cv2.resize(rng.uniform(low, max(high, low + 60), (6, 10)), (width, height), interpolation=cv2.INTER_CUBIC)
    return (image + rng.normal(0, 4, image.shape)).clip(0, 255).astype(np.uint8)


def test_cuts_between_different_scenes_are_found():
    detector = SceneDetector()
    found = [detector.is_cut(frame(seed), frame(seed + 1)) for seed in range(40)]
    assert sum(found) >= 38


def test_motion_is_no_cut():
    wide = frame(0, width=320)
    for shift in (2, 8, 16):
        assert not SceneDetector().is_cut(wide[:, 100:260], wide[:, 100 + shift : 260 + shift])


@pytest.mark.parametrize("gain, offset", [(1.4, 0), (0.6, 0), (1.0, 60)])
def test_a_flash_or_a_fade_is_no_cut(gain, offset):
    scene = frame(1) // 2 + 20
    flash = (scene * gain + offset).clip(0, 255).astype(np.uint8)
    assert not SceneDetector().is_cut(scene, flash)


def test_grain_in_the_dark_is_no_cut():
    rng = np.random.default_rng(0)
    dark = [rng.integers(8, 30, (96, 160)).astype(np.uint8) for _ in range(2)]
    assert not SceneDetector().is_cut(*dark)


def test_a_frame_after_black_is_a_cut():
    assert SceneDetector().is_cut(np.full((96, 160), 16, np.uint8), frame(3))


def test_two_equal_frames_score_zero():
    assert SceneDetector().score(frame(5), frame(5)) == 0


def test_a_lower_threshold_means_more_cuts():
    pairs = [(frame(seed), frame(seed + 1)) for seed in range(20)]
    counts = [sum(SceneDetector(threshold).is_cut(*pair) for pair in pairs) for threshold in (0.1, 0.7, 0.99)]
    assert counts[0] > counts[1] > counts[2]


@pytest.mark.parametrize("height, width", [(1, 1), (2, 2), (7, 3), (1, 300), (300, 1), (37, 65)])
def test_any_size_can_be_scored(height, width):
    rng = np.random.default_rng(0)
    left, right = (rng.integers(0, 256, (height, width), dtype=np.uint8) for _ in range(2))
    assert 0 <= SceneDetector().score(left, right) <= 1


def test_frames_of_different_size_are_refused():
    with pytest.raises(ValueError, match="same size"):
        SceneDetector().score(frame(0), frame(0, width=100))


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_outside_zero_to_one_is_refused(threshold):
    with pytest.raises(ValueError, match="threshold"):
        SceneDetector(threshold)
