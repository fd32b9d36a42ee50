"""Tests timestamps that are uneven, missing or wrong, and edit lists."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from tests.media import audio_packets, make_clip, video_times
from tests.reliability.media import NO_REORDER, numbers, remux, with_avi_rate, with_edit_list
from vfi_cli.video.read.probe import probe

F = Fraction
case = pytest.mark.reliability
UNEVEN = [F(0), F(1, 10), F(2, 10), F(5, 10), F(8, 10), F(11, 10)]


@case(13)
def test_uneven_times_are_kept_and_new_frames_lie_half_way(vfi, tmp_path):
    clip = make_clip(tmp_path / "in.mkv", times=UNEVEN, time_base=F(1, 1000))
    done = vfi("interp", clip, "-o", tmp_path / "out.mkv", "-m", "2")
    times = video_times(tmp_path / "out.mkv")
    assert done.code == 0 and times[0::2] == UNEVEN
    assert times[1:-1:2] == [(left + right) / 2 for left, right in pairwise(UNEVEN)]


@case(14)
def test_a_wrong_stated_frame_rate_is_ignored(vfi, tmp_path):
    clip = make_clip(tmp_path / "in.mkv", times=UNEVEN, time_base=F(1, 1000), rate=1000)  # stated: 1000 fps
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", "--fps", "20")
    times = video_times(tmp_path / "out.mp4")
    assert done.code == 0 and times == [F(k, 20) for k in range(len(times))]
    assert UNEVEN[-1] < times[-1] + F(1, 20) <= UNEVEN[-1] + F(1, 5)


@case(15)
@pytest.mark.parametrize("with_audio", [False, True])
def test_a_start_before_zero_keeps_video_and_audio_in_sync(vfi, tmp_path, with_audio):
    whole = make_clip(tmp_path / "whole.mkv", 10, options=NO_REORDER, audio="aac" if with_audio else None)
    clip = remux(whole, tmp_path / "in.ts", shift=F(-1, 2), muxing={"avoid_negative_ts": "disabled"})
    assert probe(clip).start == F(-1, 2)
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", "--no-scene-detect")
    assert done.code == 0, done
    assert numbers(tmp_path / "out.mp4")[::2] == list(range(10))
    if with_audio:
        lead = [video_times(path)[0] - audio_packets(path)[0][0] for path in (clip, tmp_path / "out.mp4")]
        assert abs(lead[0] - lead[1]) < F(1, 1000)


@case(16)
@pytest.mark.parametrize("name", ["in.h264", "in.avi"])
def test_missing_times_follow_from_the_frame_rate(vfi, tmp_path, name):
    clip = make_clip(tmp_path / name, 10, options=NO_REORDER)
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", "--no-scene-detect")
    assert done.code == 0 and ("no timestamp" in done.err) == (name == "in.h264")
    assert numbers(tmp_path / "out.mp4")[::2] == list(range(10))
    assert video_times(tmp_path / "out.mp4") == [F(k, 20) for k in range(20)]


@case(19)
@pytest.mark.parametrize("options", [{"bf": "3", "g": "50"}, {"bf": "3", "g": "5", "x264-params": "open-gop=1"}])
def test_reordered_frames_are_read_in_order_and_none_is_lost(vfi, tmp_path, options):
    clip = make_clip(tmp_path / "in.mp4", 50, options=options)
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", "--no-scene-detect")
    assert done.code == 0 and numbers(tmp_path / "out.mp4")[::2] == list(range(50))


@case(20)
def test_frames_outside_the_edit_list_are_left_out(vfi, tmp_path):
    clip = with_edit_list(make_clip(tmp_path / "a.mp4", 10, options=NO_REORDER), tmp_path / "in.mp4", F(4, 10))
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", "--no-scene-detect")
    assert done.code == 0 and numbers(tmp_path / "out.mp4")[::2] == list(range(4, 10))


@case(32)
def test_a_stated_frame_rate_of_zero_causes_no_crash(vfi, tmp_path):
    clip = with_avi_rate(make_clip(tmp_path / "in.avi", 10, options=NO_REORDER), 0, 0)
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4")
    assert done.code in (0, 3), done


@case(33)
@pytest.mark.parametrize(("rate", "count"), [(F(1000), 20), (F(1, 10), 3)])
def test_times_are_exact_at_very_high_and_very_low_frame_rates(vfi, tmp_path, rate, count):
    clip = make_clip(tmp_path / "in.mp4", count, rate=rate)
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4")
    assert done.code == 0 and video_times(tmp_path / "out.mp4") == [k / rate / 2 for k in range(2 * count)]


@case(33)
def test_a_frame_rate_above_1000_is_refused_for_matroska(vfi, tmp_path, unchanged):
    clip = make_clip(tmp_path / "in.mp4", 20, rate=1000)
    with unchanged():
        done = vfi("interp", clip, "-o", tmp_path / "out.mkv")
    assert done.code == 2 and "at most 1000 frames per second" in done.err and ".mp4" in done.err
