"""Tags and timecodes of the output."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from tests.media import make_clip
from vfi_cli.video.clip import ClipInfo, StreamInfo
from vfi_cli.video.formats import MKV, MOV, MP4, OutputFormat
from vfi_cli.video.read.probe import probe
from vfi_cli.video.streams.tags import OutputTags, kept_tags, output_timecode, plan_tags

NTSC = Fraction(30000, 1001)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> ClipInfo:
    return probe(make_clip(tmp_path_factory.mktemp("tags") / "clip.mp4"))


def tags(clip: ClipInfo, output: OutputFormat = MP4, **changes) -> OutputTags:
    clip = replace(clip, **changes)
    return plan_tags(clip, output, rate=clip.average_rate, origin=Fraction(0), stretch=1, start=None, stop=None)


@pytest.mark.parametrize(
    "timecode, rate, out_rate, skipped, expected",
    [
        ("01:00:00:12", 24, 24, 0, "01:00:00:12"),
        ("01:00:00:12", 24, 60, 0, "01:00:00:30"),
        ("10:20:30:23", Fraction(24000, 1001), Fraction(60000, 1001), 0, "10:20:30:57"),
        ("01:00:00:12", 24, 24, 1, "01:00:01:12"),
        ("01:00:00:12", 24, 24, Fraction(1, 2), "01:00:01:00"),
        ("23:59:59:24", 25, 50, Fraction(1, 25), "00:00:00:00"),
        ("00:00:59;29", NTSC, NTSC, 1 / NTSC, "00:01:00;02"),
        ("00:09:59;29", NTSC, NTSC, 1 / NTSC, "00:10:00;00"),
        ("00:01:00;02", NTSC, 2 * NTSC, 0, "00:01:00;04"),
        ("01:00:00;00", NTSC, NTSC, 60 / NTSC * 30, "01:01:00;02"),
        ("00:00:01;00", NTSC, Fraction(24), 0, "00:00:01:00"),
        ("no timecode", 24, 24, 0, ""),
        ("", 24, 24, 0, ""),
    ],
)
def test_the_timecode_is_that_of_the_first_output_frame_at_the_new_rate(timecode, rate, out_rate, skipped, expected):
    assert output_timecode(timecode, Fraction(rate), Fraction(out_rate), Fraction(skipped)) == expected


def test_drop_frame_timecodes_follow_the_clock():
    """Over a whole day at 29.97 frames per second, no skipped number appears and the drift stays small."""
    for minute in range(0, 24 * 60, 7):
        skipped = Fraction(minute * 60)
        hours, minutes, seconds, frames = (
            output_timecode("00:00:00;00", NTSC, NTSC, skipped).replace(";", ":").split(":")
        )
        assert not (int(seconds) == 0 and int(frames) < 2 and int(minutes) % 10)
        shown = (int(hours) * 60 + int(minutes)) * 60 + int(seconds) + Fraction(int(frames), 30)
        assert abs(shown - skipped) < Fraction(1, 6)  # drop frame drifts by 2.6 frames a day


def test_tags_about_the_source_file_are_dropped_and_a_name_becomes_the_title():
    tags = {"ENCODER": "x", "DURATION-eng": "1", "BPS": "9", "major_brand": "isom", "timecode": "0", "name": "Main"}
    assert kept_tags({**tags, "artist": "Somebody"}) == {"artist": "Somebody", "title": "Main"}


def test_tags_that_mp4_cannot_hold_have_a_note(clip: ClipInfo):
    planned = tags(clip, metadata={"TITLE": "T", "custom": "x"})
    assert planned.metadata == {"TITLE": "T"} and "custom" in planned.notes[0]
    assert tags(clip, MKV, metadata={"custom": "x"}).notes == ()


def test_mp4_keeps_the_tags_of_phones_unless_there_is_a_cover(clip: ClipInfo):
    phone = {"com.apple.quicktime.make": "Apple", "custom": "x"}
    planned = tags(clip, metadata=phone)
    assert planned.free_tags and planned.metadata == phone and planned.notes == ()
    cover = StreamInfo(1, "attachment", "mjpeg", flags=("attached_pic",))
    planned = tags(clip, metadata=phone, others=(cover,))
    assert not planned.free_tags and planned.metadata == {} and "com.apple.quicktime.make" in planned.notes[0]


def test_quicktime_keeps_any_tag(clip: ClipInfo):
    planned = tags(clip, MOV, metadata={"custom": "x"})
    assert planned.free_tags and planned.metadata == {"custom": "x"}
