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


def picture(luma: np.ndarray) -> VideoFrame:
    chroma = np.full((-(-luma.shape[0] // 2), -(-luma.shape[1] // 2)), 128, np.uint8)
    return VideoFrame((luma.astype(np.uint8), chroma, chroma), YUV420, ColorSpec("bt709"), F(0), F(1, 10))


def clip(text: str) -> list[VideoFrame]:
    """One frame per letter; every letter has a picture of its own, and noise of one code that no two frames share."""
    frames = []
    for index, letter in enumerate(text):
        luma = np.random.default_rng(ord(letter)).integers(20, 230, (48, 64))
        luma += np.random.default_rng(1000 + index).integers(0, 2, luma.shape)
        frames.append(replace(picture(luma), pts=F(index, 10)))
    return frames


def marks(text: str, detector: SceneDetector | None = None, **options: int) -> str:
    """`text`, the letters that are marked as repeats replaced by dots."""
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
def test_repeats_between_two_pictures_are_marked_in_place(text: str, expected: str):
    assert marks(text) == expected


def test_the_repeats_at_the_end_of_a_clip_stay():
    assert marks("aabbbb") == "a.bbbb"


def test_a_span_of_the_longest_length_is_filled_and_a_longer_one_is_a_pause_that_stays():
    assert marks("aaaaaab") == "a.....b"
    assert marks("aaaaaaabbc") == "aaaaaaab.c"
    assert marks("aaabbc", max_span=2) == "aaab.c"


def test_the_run_before_a_cut_stays():
    class CutToC(SceneDetector):
        def is_cut(self, left_y: np.ndarray, right_y: np.ndarray) -> bool:
            return bool(abs(right_y.astype(int) - clip("c")[0].planes[0]).max() < 3)

    assert marks("aabbcc", CutToC()) == "a.bbcc"


def test_a_pause_is_streamed_with_a_bounded_look_ahead():
    drawn: list[VideoFrame] = []

    def endless() -> Iterator[VideoFrame]:
        while True:
            drawn.append(replace(clip("a")[0], pts=F(len(drawn))))
            yield drawn[-1]

    marked = Deduplication(max_span=6).mark(endless(), None)
    for index in range(20):
        assert next(marked).pts == index
        assert len(drawn) <= index + 1 + 6


def test_a_slow_fade_is_not_a_stand():
    fade = [replace(picture(np.full((48, 64), 40 + 2 * index)), pts=F(index)) for index in range(20)]
    marked = list(Deduplication(threshold=5).mark(fade, None))
    assert sum(isinstance(frame, Repeat) for frame in marked) == 2 * 6  # 40 . . 46 . . 52 ..


def test_a_small_thing_that_moves_in_the_dark_is_a_new_picture():
    dark = np.full((1080, 1920), 16)
    moved = dark.copy()
    moved[500:508, 800:808] = 32
    assert np.abs(moved - dark).mean() < 0.001
    assert difference(picture(dark), picture(moved)) > Deduplication().threshold


def test_the_difference_is_the_mean_of_the_block_that_differs_most():
    left, right = np.full((16, 24), 100), np.full((16, 24), 100)
    right[8:16, 16:24] += np.tile([3, -5], (8, 4))
    assert difference(picture(left), picture(right)) == 4


@pytest.mark.parametrize("shape", [(1, 1), (3, 100), (50, 7), (49, 65)])
def test_any_size_of_picture_can_be_compared(shape: tuple[int, int]):
    assert difference(picture(np.full(shape, 20)), picture(np.full(shape, 60))) == pytest.approx(40, abs=1e-3)


@pytest.mark.parametrize("options", [{"threshold": -1}, {"threshold": 256}, {"max_span": 1}, {"max_span": 10**9}])
def test_values_that_make_no_sense_are_refused(options):
    with pytest.raises(UsageError, match="--dedup"):
        Deduplication(**options)
