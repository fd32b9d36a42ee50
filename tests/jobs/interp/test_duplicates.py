from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from vfi_cli.errors import UsageError
from vfi_cli.jobs.interp.duplicates import Deduplication, Repeat, difference
from vfi_cli.scene import SceneDetector
from vfi_cli.video.types import ColorSpec, PlaneFormat, VideoFrame

F = Fraction
YUV420 = PlaneFormat.named("yuv420p")


def gray_frame(luma: np.ndarray) -> VideoFrame:
    chroma = np.full((-(-luma.shape[0] // 2), -(-luma.shape[1] // 2)), 128, np.uint8)
    return VideoFrame((luma.astype(np.uint8), chroma, chroma), YUV420, ColorSpec("bt709"), F(0), F(1, 10))


def clip(text: str) -> list[VideoFrame]:
    """One frame per letter. Equal letters show the same image; every frame has its own noise of one code."""
    frames = []
    for index, letter in enumerate(text):
        luma = np.random.default_rng(ord(letter)).integers(20, 230, (48, 64))
        luma += np.random.default_rng(1000 + index).integers(0, 2, luma.shape)
        frames.append(replace(gray_frame(luma), pts=F(index, 10)))
    return frames


def marks(text: str, detector: SceneDetector | None = None, **options: int) -> str:
    """`text`, with a dot for each letter whose frame is marked as a repeat."""
    marked = list(Deduplication(**options).mark(clip(text), detector))
    assert [(frame.pts, frame.duration) for frame in marked] == [(F(index, 10), F(1, 10)) for index in range(len(text))]
    return "".join("." if isinstance(frame, Repeat) else letter for frame, letter in zip(marked, text, strict=True))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("abcd", "abcd"),
        ("aabbccd", "a.b.c.d"),
        ("aaabbbc", "a..b..c"),
        ("abbacca", "ab.ac.a"),
        ("a", "a"),
        ("", ""),
    ],
)
def test_repeats_between_two_images_are_marked(text: str, expected: str):
    assert marks(text) == expected


def test_repeats_at_the_end_of_a_clip_are_kept():
    assert marks("aabbbb") == "a.bbbb"


def test_the_repeats_of_an_image_are_marked_up_to_max_span_and_kept_if_it_lasts_longer():
    assert marks("aaaaaab") == "a.....b"
    assert marks("aaaaaaabbc") == "aaaaaaab.c"
    assert marks("aaabbc", max_span=2) == "aaab.c"


def test_repeats_before_a_scene_cut_are_kept():
    class CutToC(SceneDetector):
        def is_cut(self, left_y: np.ndarray, right_y: np.ndarray) -> bool:
            return bool(abs(right_y.astype(int) - clip("c")[0].planes[0]).max() < 3)

    assert marks("aabbcc", CutToC()) == "a.bbcc"


def test_a_long_still_image_is_streamed_with_a_bounded_look_ahead():
    drawn: list[VideoFrame] = []

    def endless() -> Iterator[VideoFrame]:
        while True:
            drawn.append(replace(clip("a")[0], pts=F(len(drawn))))
            yield drawn[-1]

    marked = Deduplication(max_span=6).mark(endless(), None)
    for index in range(20):
        assert next(marked).pts == index
        assert len(drawn) <= index + 1 + 6


def test_a_slow_fade_is_not_taken_for_a_still_image():
    fade = [replace(gray_frame(np.full((48, 64), 40 + 2 * index)), pts=F(index)) for index in range(20)]
    marked = list(Deduplication(threshold=5).mark(fade, None))
    assert sum(isinstance(frame, Repeat) for frame in marked) == 2 * 6  # 40 . . 46 . . 52 ..


def test_a_small_thing_that_moves_in_the_dark_makes_a_new_image():
    dark = np.full((1080, 1920), 16)
    moved = dark.copy()
    moved[500:508, 800:808] = 32
    assert np.abs(moved - dark).mean() < 0.001
    assert difference(gray_frame(dark), gray_frame(moved)) > Deduplication().threshold


def test_the_difference_is_the_mean_of_the_block_that_differs_most():
    left, right = np.full((16, 24), 100), np.full((16, 24), 100)
    right[8:16, 16:24] += np.tile([3, -5], (8, 4))
    assert difference(gray_frame(left), gray_frame(right)) == 4


@pytest.mark.parametrize("shape", [(1, 1), (3, 100), (50, 7), (49, 65)])
def test_frames_of_any_size_can_be_compared(shape: tuple[int, int]):
    assert difference(gray_frame(np.full(shape, 20)), gray_frame(np.full(shape, 60))) == pytest.approx(40, abs=1e-3)


@pytest.mark.parametrize("options", [{"threshold": -1}, {"threshold": 256}, {"max_span": 1}, {"max_span": 10**9}])
def test_values_out_of_range_are_refused(options):
    with pytest.raises(UsageError, match="--dedup"):
        Deduplication(**options)
