"""Inputs that are incomplete, damaged, or no videos at all."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from tests.media import make_clip, truncated, video_times
from tests.reliability.media import NO_REORDER, copied, joined, numbers, sound, with_noise_in_sound
from vfi_cli.video.read.probe import probe

F = Fraction
case = pytest.mark.reliability


def increasing(path: Path) -> bool:
    return all(left < right for left, right in pairwise(video_times(path)))


@case(1)
def test_an_mp4_cut_before_its_index_is_refused(vfi, clip, unchanged):
    truncated(clip, 0.5, clip)
    with unchanged():
        done = vfi("interp", clip)
    assert done.code == 3 and "not a readable video" in done.err and "complete" in done.err


@case(2)
def test_of_an_mp4_cut_after_its_index_all_that_is_left_is_used_and_the_rest_counted(vfi, tmp_path):
    clip = make_clip(tmp_path / "whole.mp4", 40, codec="mpeg4", options={"g": "5"}, faststart=True)
    cut = truncated(clip, 0.8, tmp_path / "in.mp4")
    done = vfi("interp", cut, "-o", tmp_path / "out.mp4")
    assert done.code == 5 and "DAMAGED" in done.err
    shown = numbers(tmp_path / "out.mp4")
    assert shown[0] == 0 and len(shown) >= 2 * 5 and increasing(tmp_path / "out.mp4")
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
def test_what_only_has_the_name_of_a_video_is_refused(vfi, tmp_path, unchanged, name, data):
    (tmp_path / name).write_bytes(data)
    with unchanged():
        done = vfi("interp", tmp_path / name)
    assert done.code == 3


@case(5)
@pytest.mark.parametrize("cover", [False, True], ids=["sound", "sound and cover"])
def test_sound_is_no_video_and_neither_is_the_picture_of_an_album(vfi, tmp_path, unchanged, cover):
    clip = sound(tmp_path / "in.mp4", cover=cover)
    with unchanged():
        done = vfi("interp", clip)
    assert done.code == 3 and ("cover" if cover else "no video stream") in done.err


@case(8)
def test_noise_in_the_data_is_counted_and_the_time_stays(vfi, tmp_path):
    whole = make_clip(tmp_path / "whole.mp4", 40, width=128, height=96, options={"g": "10"})
    clip = copied(whole, tmp_path / "in.mkv", filters="noise=amount=20")
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4")
    assert done.code == 5 and "DAMAGED" in done.err
    times = video_times(tmp_path / "out.mp4")
    assert increasing(tmp_path / "out.mp4") and 4 - (probe(clip).start + times[-1]) <= F(1, 10)


@case(8)
@pytest.mark.parametrize("packets", [[5, 6, 20], [0]], ids=["some", "the first"])
def test_noise_in_the_sound_is_counted_and_costs_no_picture(vfi, tmp_path, packets):
    clip = with_noise_in_sound(make_clip(tmp_path / "in.ts", 20, audio="aac"), packets)
    done = vfi("interp", clip, "-o", tmp_path / "out.mkv", "--no-scene-detect")
    assert done.code == 5 and "sound" in done.err, done
    assert numbers(tmp_path / "out.mkv")[::2] == list(range(20))
    strict = vfi("interp", clip, "-o", tmp_path / "strict.mkv", "--strict")
    assert strict.code == 3 and not (tmp_path / "strict.mkv").exists()


@case(9)
def test_dropped_packets_leave_no_doubled_times(vfi, tmp_path):
    whole = make_clip(tmp_path / "whole.mp4", 40, options={"g": "10"})
    clip = copied(whole, tmp_path / "in.mkv", filters="noise=amount=0:drop='eq(mod(n,4),3)'")
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4")
    assert done.code in (0, 5)
    assert increasing(tmp_path / "out.mp4")


@case(17)
def test_times_that_are_all_equal_become_a_steady_clock_and_a_warning(vfi, tmp_path):
    clip = copied(make_clip(tmp_path / "a.mp4", options=NO_REORDER), tmp_path / "in.mkv", filters="setts=ts=0")
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", "--no-scene-detect")
    assert done.code == 0 and "backwards" in done.err
    assert numbers(tmp_path / "out.mp4")[::2] == list(range(10)) and increasing(tmp_path / "out.mp4")


@case(18)
def test_a_clock_that_jumps_back_is_carried_on(vfi, tmp_path):
    part = make_clip(tmp_path / "a.ts", 10, options=NO_REORDER)
    clip = joined(tmp_path / "in.ts", part, part)
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", "--no-scene-detect")
    assert done.code in (0, 5)
    assert numbers(tmp_path / "out.mp4")[::2] == [*range(10), *range(10)] and increasing(tmp_path / "out.mp4")
