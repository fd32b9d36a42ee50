from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from tests.blend import Blend
from vfi_cli.errors import ModelError
from vfi_cli.jobs.interp.duplicates import Repeat
from vfi_cli.jobs.interp.frame_times import Clock
from vfi_cli.jobs.interp.render import MAX_TIMES_PER_CALL, FrameRenderer, SceneMode
from vfi_cli.scene import SceneDetector
from vfi_cli.timing.cadence import Cadence
from vfi_cli.timing.pace import Pace
from vfi_cli.timing.pauses import Pauses
from vfi_cli.timing.timeline import Cfr, Multiply, Nominal, Schedule
from vfi_cli.video.types import ColorSpec, PlaneFormat, VideoFrame

F = Fraction
YUV420 = PlaneFormat.named("yuv420p")
YUV444 = PlaneFormat.named("yuv444p")


def frame(index: int, fps: int = 10, *, level: int | None = None, noise: int | None = None) -> VideoFrame:
    """Frame `index` of a clip: flat grey of its own level, or noise of its own seed."""
    luma = np.full((12, 17), 20 + 10 * index if level is None else level, np.uint8)
    if noise is not None:
        luma = np.random.default_rng(noise).integers(0, 256, luma.shape, dtype=np.uint8)
    chroma = (np.full((6, 9), 100 + index, np.uint8), np.full((6, 9), 140 - index, np.uint8))
    return VideoFrame((luma, *chroma), YUV420, ColorSpec("bt709"), F(index, fps), F(1, fps))


def unchanged_times() -> Clock:
    """A clock that changes no times."""
    return Clock(Nominal(None, F(0)), Pace(Pauses(F(0))))


def render(
    frames: Sequence[VideoFrame | Repeat], schedule: Schedule, renderer: FrameRenderer | None = None
) -> tuple[list[VideoFrame], FrameRenderer]:
    renderer = renderer or FrameRenderer(Blend(), YUV420)
    return list(renderer.render(frames, schedule, unchanged_times())), renderer


def luma(frames: list[VideoFrame]) -> list[int]:
    return [int(f.planes[0][0, 0]) for f in frames]


def test_each_output_frame_has_the_time_and_the_content_of_its_slot():
    frames, renderer = render([frame(k) for k in range(3)], Multiply(2))
    assert [f.pts for f in frames] == [F(k, 20) for k in range(6)]
    assert luma(frames) == [20, 25, 30, 35, 40, 40]
    assert (renderer.tally.read, renderer.tally.generated, renderer.tally.copied) == (3, 2, 4)
    assert renderer.tally.written == 6


def test_a_copied_frame_is_the_source_frame_bit_for_bit():
    source = [frame(k, noise=k) for k in range(3)]
    frames, _ = render(source, Multiply(2))
    for copied, original in zip(frames[0::2], source, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(copied.planes, original.planes, strict=True))


def test_a_copied_frame_is_converted_if_the_output_format_differs():
    frames, _ = render([frame(0)], Multiply(2), FrameRenderer(Blend(), YUV444))
    assert {f.format for f in frames} == {YUV444}
    assert frames[0].planes[1].shape == (12, 17) and set(frames[0].planes[1].ravel()) == {100}


def test_all_times_of_a_pair_are_interpolated_in_one_call():
    blend = Blend()
    render([frame(k) for k in range(2)], Cfr(F(40)), FrameRenderer(blend, YUV420))
    assert blend.asked == [[0.25, 0.5, 0.75]]


def test_many_times_of_a_pair_are_interpolated_in_bounded_calls():
    blend = Blend()
    render([frame(k) for k in range(2)], Multiply(3 * MAX_TIMES_PER_CALL), FrameRenderer(blend, YUV420))
    assert max(map(len, blend.asked)) == MAX_TIMES_PER_CALL
    assert [t for times in blend.asked for t in times] == [k / 24 for k in range(1, 24)]


def test_each_source_frame_is_prepared_once_and_only_if_needed():
    blend = Blend()
    render([frame(k) for k in range(5)], Cfr(F(20)), FrameRenderer(blend, YUV420))
    assert blend.prepared == 5
    render([frame(k) for k in range(5)], Cfr(F(10)), FrameRenderer(blend, YUV420))
    assert blend.prepared == 5


@pytest.mark.parametrize(
    "mode, expected",
    [("nearest", [30, 30, 190, 190]), ("hold", [30, 30, 30, 30]), ("blend", [30, 70, 110, 150])],
)
def test_at_a_scene_cut_the_model_is_not_used(mode: SceneMode, expected: list[int]):
    class Always(SceneDetector):
        def score(self, *_: object) -> float:
            return 1.0

    blend = Blend()
    renderer = FrameRenderer(blend, YUV420, Always(), mode)
    frames, _ = render([frame(0, level=30), frame(1, level=190)], Cfr(F(40)), renderer)
    assert luma(frames)[:4] == expected
    assert blend.asked == [] and renderer.tally.cuts == 1
    assert len(frames) == 8


def test_without_a_detector_there_are_no_scene_cuts():
    blend = Blend()
    _, renderer = render([frame(0, level=16), frame(1, noise=3)], Multiply(2), FrameRenderer(blend, YUV420))
    assert blend.asked == [[0.5]] and renderer.tally.cuts == 0


def test_model_output_that_is_not_finite_is_an_error():
    class Broken(Blend):
        def between(self, left, right, times):
            images = super().between(left, right, times)
            images[0][1, 3, 4] = torch.nan
            return images

    with pytest.raises(ModelError, match="not finite"):
        render([frame(0), frame(1)], Multiply(2), FrameRenderer(Broken(), YUV420))


def repeat(index: int, fps: int = 10) -> Repeat:
    return Repeat(F(index, fps), F(1, fps))


def test_repeats_are_replaced_by_equal_steps_between_the_frames_around_them():
    source = [frame(0, level=40), repeat(1), repeat(2), frame(3, level=100), repeat(4), frame(5, level=140)]
    frames, renderer = render(source, Cfr(F(10)))
    assert [f.pts for f in frames] == [F(k, 10) for k in range(6)]
    assert luma(frames) == [40, 60, 80, 100, 120, 140]
    assert (renderer.tally.read, renderer.tally.replaced) == (6, 3)
    assert (renderer.tally.copied, renderer.tally.generated) == (3, 3)
    assert renderer.tally.duration_in == renderer.tally.duration_out == F(6, 10)


def test_repeats_are_replaced_at_uneven_times_too():
    source = [frame(0, level=40), replace(repeat(1), pts=F(1, 20)), frame(1, level=80), frame(2, level=90)]
    frames, _ = render(source, Multiply(2))
    assert [f.pts for f in frames] == [F(k, 40) for k in (0, 1, 2, 3, 4, 6, 8, 10)]
    assert luma(frames) == [40, 50, 60, 70, 80, 85, 90, 90]


def test_the_pair_around_repeats_is_prepared_once_and_interpolated_in_one_call():
    blend = Blend()
    render([frame(0), repeat(1), repeat(2), frame(3)], Cfr(F(20)), FrameRenderer(blend, YUV420))
    assert blend.asked == [[k / 6 for k in range(1, 6)]] and blend.prepared == 2


@pytest.mark.parametrize("format", [YUV420, YUV444])
def test_an_overlay_over_moving_footage_is_not_moved_by_the_model(format: PlaneFormat):
    class Dragging(Blend):
        def between(self, left, right, times):
            return [image.roll(2, dims=2) for image in super().between(left, right, times)]

    source = [frame(k, noise=k) for k in range(3)]
    for shown in source:
        shown.planes[0][4:8, 6:12] = 200
    frames, _ = render(source, Multiply(2), FrameRenderer(Dragging(), format))
    for copied, made in zip(frames[0:4:2], frames[1:4:2], strict=True):
        assert np.array_equal(made.planes[0][4:8, 6:12], copied.planes[0][4:8, 6:12])
        assert not np.array_equal(made.planes[0][:4], copied.planes[0][:4])


def test_a_single_frame_is_held_for_its_duration():
    frames, _ = render([frame(0)], Cfr(F(60)))
    assert luma(frames) == [20] * 6


def test_no_source_frames_give_no_output_frames():
    assert render([], Multiply(2))[0] == []


def test_the_images_of_a_cadence_are_placed_evenly():
    """24 images per second, shown for 2 and 3 frames of 60 fps. Each image is 10 codes lighter than the one before."""
    source: list[VideoFrame | Repeat] = []
    for k in range(36):
        number = 2 * (k // 5) + (k % 5 >= 2)
        first = k % 5 in (0, 2)
        source.append(frame(k, 60, level=20 + 10 * number) if first else Repeat(F(k, 60), F(1, 60)))
    clock = Clock(Nominal(None, F(0)), Pace(Pauses(), Cadence(F(1, 90_000)), move_slots=False))
    renderer = FrameRenderer(Blend(), YUV420)
    made = list(renderer.render(source, Cfr(F(60)), clock))
    assert [frame.pts for frame in made] == [F(k, 60) for k in range(36)]
    assert luma(made) == [20 + 4 * k for k in range(36)]


def test_a_pause_is_filled_with_the_frame_before_it():
    source = [frame(k, level=20 + 10 * k) for k in range(4)]
    source += [replace(frame(k, level=20 + 10 * k), pts=F(2) + F(k, 10)) for k in (4, 5)]
    renderer = FrameRenderer(Blend(), YUV420)
    made = list(renderer.render(source, Cfr(F(20)), Clock(Nominal(None, F(0)), Pace(Pauses()))))
    assert luma(made)[6:50] == [50] * 41 + [55, 60, 65]
    assert renderer.tally.pauses == 1
