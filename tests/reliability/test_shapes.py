"""Tests clips of unusual length or frame size, and clips whose size or pixel format changes."""

from __future__ import annotations

import pytest

from tests.media import make_clip, video_times
from tests.reliability.media import concatenate, numbers
from vfi_cli.video.read.probe import probe

case = pytest.mark.reliability


@case(6)
def test_a_single_frame_is_held_for_its_duration(vfi, tmp_path):
    done = vfi("interp", make_clip(tmp_path / "in.mp4", 1), "-o", tmp_path / "out.mp4")
    assert done.code == 0 and numbers(tmp_path / "out.mp4") == [0, 0]


@case(7)
def test_between_two_frames_is_one_at_its_exact_time(vfi, tmp_path):
    done = vfi("interp", make_clip(tmp_path / "in.mp4", 2), "-o", tmp_path / "out.mp4")
    times = video_times(tmp_path / "out.mp4")
    assert done.code == 0 and [time * 20 for time in times] == [0, 1, 2, 3]  # the last frame lasts for two slots
    assert "4 out: 1 generated, 3 copied" in done.err


@case(10)
def test_a_change_of_size_is_an_error_that_names_the_frame(vfi, tmp_path, unchanged):
    small = make_clip(tmp_path / "a.h264", 10, format="h264")
    large = make_clip(tmp_path / "b.h264", 10, width=96, height=64, format="h264")
    clip = concatenate(tmp_path / "in.h264", small, large)
    with unchanged():
        done = vfi("interp", clip)
    assert done.code == 3 and "changes size at frame 10: 64x48 to 96x64" in done.err


@case(11)
def test_a_change_of_pixel_format_is_an_error_that_names_the_frame(vfi, tmp_path, unchanged):
    first = make_clip(tmp_path / "a.h264", 10, format="h264")
    second = make_clip(tmp_path / "b.h264", 10, pix_fmt="yuv444p", format="h264")
    clip = concatenate(tmp_path / "in.h264", first, second)
    with unchanged():
        done = vfi("interp", clip)
    assert done.code == 3 and "changes pixel format at frame 10: yuv420p to yuv444p" in done.err


SIZES = [(33, 17, "yuv444p"), (1, 1, "bgr24"), (2, 2, "yuv420p"), (7, 3, "yuv420p"), (1, 4096, "yuv444p")]


@case(12)
@pytest.mark.parametrize(("width", "height", "pix_fmt"), SIZES)
def test_odd_frame_sizes_are_kept(vfi, tmp_path, width, height, pix_fmt):
    clip = make_clip(tmp_path / "in.nut", 3, width=width, height=height, codec="rawvideo", pix_fmt=pix_fmt)
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4")
    assert done.code == 0, done
    out = probe(tmp_path / "out.mp4")
    assert (out.width, out.height, out.frame_count) == (width, height, 6)
    assert ("some players do not show" in done.err) == bool(width % 2 or height % 2)


@case(12)
@pytest.mark.parametrize(("width", "height"), [(33, 17), pytest.param(1, 1, marks=pytest.mark.slow)])
def test_the_network_accepts_odd_frame_sizes(vfi, tmp_path, width, height):
    clip = make_clip(tmp_path / "in.nut", 3, width=width, height=height, codec="rawvideo", pix_fmt="yuv444p")
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", faults=[])
    assert done.code == 0, done
    assert (probe(tmp_path / "out.mp4").width, probe(tmp_path / "out.mp4").height) == (width, height)
