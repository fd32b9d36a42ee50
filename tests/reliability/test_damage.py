"""Tests inputs that are incomplete, damaged, or not videos."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from tests.media import make_clip, truncated, video_times
from tests.reliability.media import NO_REORDER, concatenate, make_audio_file, numbers, remux, with_noise_in_audio
from vfi_cli.video.read.probe import probe

F = Fraction
case = pytest.mark.reliability


def has_increasing_times(path: Path) -> bool:
    return all(left < right for left, right in pairwise(video_times(path)))


@case(1)
def test_an_mp4_truncated_before_its_index_is_refused(vfi, clip, unchanged):
    truncated(clip, 0.5, clip)
    with unchanged():
        done = vfi("interp", clip)
    assert done.code == 3 and "not a readable video" in done.err and "complete" in done.err


@case(2)
def test_an_mp4_truncated_after_its_index_is_used_up_to_there_with_a_warning(vfi, tmp_path):
    clip = make_clip(tmp_path / "whole.mp4", 40, codec="mpeg4", options={"g": "5"}, faststart=True)
    cut = truncated(clip, 0.8, tmp_path / "in.mp4")
    done = vfi("interp", cut, "-o", tmp_path / "out.mp4")
    assert done.code == 5 and "DAMAGED" in done.err
    shown = numbers(tmp_path / "out.mp4")
    assert shown[0] == 0 and len(shown) >= 2 * 5 and has_increasing_times(tmp_path / "out.mp4")
    with_strict = vfi("interp", cut, "-o", tmp_path / "strict.mp4", "--strict")
    assert with_strict.code == 3 and not (tmp_path / "strict.mp4").exists()


@case(3)
def test_an_empty_file_is_refused(vfi, tmp_path, unchanged):
    clip = tmp_path / "in.mp4"
    clip.touch()
    with unchanged():
        done = vfi("interp", clip)
    assert done.code == 3 and "empty" in done.err


@case(4)
@pytest.mark.parametrize(
    ("name", "data"), [("in.mp4", b"hi\n"), ("in.mkv", b"\x7fELF\x02\x01\x01" + bytes(2000))], ids=["text", "program"]
)
def test_a_file_that_is_a_video_only_by_name_is_refused(vfi, tmp_path, unchanged, name, data):
    (tmp_path / name).write_bytes(data)
    with unchanged():
        done = vfi("interp", tmp_path / name)
    assert done.code == 3


@case(5)
@pytest.mark.parametrize("cover", [False, True], ids=["audio", "audio and cover"])
def test_audio_with_or_without_a_cover_image_is_refused(vfi, tmp_path, unchanged, cover):
    clip = make_audio_file(tmp_path / "in.mp4", cover=cover)
    with unchanged():
        done = vfi("interp", clip)
    assert done.code == 3 and ("cover" if cover else "no video stream") in done.err


@case(8)
def test_noise_in_video_packets_is_counted_and_the_duration_stays(vfi, tmp_path):
    whole = make_clip(tmp_path / "whole.mp4", 40, width=128, height=96, options={"g": "10"})
    clip = remux(whole, tmp_path / "in.mkv", filters="noise=amount=20")
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4")
    assert done.code == 5 and "DAMAGED" in done.err
    times = video_times(tmp_path / "out.mp4")
    assert has_increasing_times(tmp_path / "out.mp4") and 4 - (probe(clip).start + times[-1]) <= F(1, 10)


@case(8)
@pytest.mark.parametrize("packets", [[5, 6, 20], [0]], ids=["some", "the first"])
def test_noise_in_audio_packets_is_counted_and_no_frame_is_lost(vfi, tmp_path, packets):
    clip = with_noise_in_audio(make_clip(tmp_path / "in.ts", 20, audio="aac"), packets)
    done = vfi("interp", clip, "-o", tmp_path / "out.mkv", "--no-scene-detect")
    assert done.code == 5 and "audio" in done.err, done
    assert numbers(tmp_path / "out.mkv")[::2] == list(range(20))
    strict = vfi("interp", clip, "-o", tmp_path / "strict.mkv", "--strict")
    assert strict.code == 3 and not (tmp_path / "strict.mkv").exists()


@case(9)
def test_times_increase_if_packets_are_missing(vfi, tmp_path):
    whole = make_clip(tmp_path / "whole.mp4", 40, options={"g": "10"})
    clip = remux(whole, tmp_path / "in.mkv", filters="noise=amount=0:drop='eq(mod(n,4),3)'")
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4")
    assert done.code in (0, 5)
    assert has_increasing_times(tmp_path / "out.mp4")


@case(17)
def test_frames_with_equal_times_are_spaced_evenly_with_a_warning(vfi, tmp_path):
    clip = remux(make_clip(tmp_path / "a.mp4", options=NO_REORDER), tmp_path / "in.mkv", filters="setts=ts=0")
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", "--no-scene-detect")
    assert done.code == 0 and "backwards" in done.err
    assert numbers(tmp_path / "out.mp4")[::2] == list(range(10)) and has_increasing_times(tmp_path / "out.mp4")


@case(18)
def test_times_continue_after_timestamps_jump_back(vfi, tmp_path):
    part = make_clip(tmp_path / "a.ts", 10, options=NO_REORDER)
    clip = concatenate(tmp_path / "in.ts", part, part)
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", "--no-scene-detect")
    assert done.code in (0, 5)
    assert numbers(tmp_path / "out.mp4")[::2] == [*range(10), *range(10)] and has_increasing_times(tmp_path / "out.mp4")
