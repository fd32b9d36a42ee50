"""Streams that begin after the part of a file that FFmpeg looks at."""

from fractions import Fraction

import av
import pytest

from tests.media import audio_packets, make_clip, number_of, video_times
from tests.video.streams.test_stream_copy import copy
from tests.video.timestamps.test_discontinuities import ROUNDING, part
from vfi_cli.errors import InputError
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe

PADDING = (b"\x47\x1f\xff\x10" + 184 * b"\xff") * 2000
"""376 kB without meaning: FFmpeg looks at fewer bytes at the end of a file."""


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """By name: 20 frames in 2 s with sound; 100 frames in 10 s without. `announced` declares sound but has none."""
    folder = tmp_path_factory.mktemp("late")
    encoder = {"options": {"bf": "0", "g": "5"}, "format": "mpegts"}
    sounding = make_clip(folder / "sounding.ts", 20, audio="ac3", **encoder)
    long = make_clip(folder / "long.ts", 100, audio="ac3", **encoder)
    return {
        "sounding": sounding,
        "silent": make_clip(folder / "silent.ts", 100, **encoder),
        "announced": part(long, folder / "announced.ts", picture=10, sound=0),
    }


def written(path, pieces):
    path.write_bytes(b"".join(piece.read_bytes() + PADDING for piece in pieces))
    return path


def begun_late(clip, path, *, stream, begin):
    """A copy of the clip without the packets of a stream before `begin` seconds."""
    with av.open(str(clip)) as source, av.open(str(path), "w", format="mpegts") as sink:
        copies = {stream.index: sink.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.size and (packet.stream_index != stream or packet.pts * packet.time_base >= begin):
                packet.stream = copies[packet.stream_index]
                sink.mux(packet)
    return path


@pytest.mark.parametrize("names", [("announced", "sounding"), ("silent", "sounding"), ("silent", "sounding", "silent")])
def test_sound_that_begins_late_comes_along_in_step_with_its_picture(tmp_path, parts, names):
    source = parts["sounding"]
    out = copy(written(tmp_path / "whole.ts", [parts[name] for name in names]), tmp_path / "o.mkv")
    frames, own, begin = video_times(out), audio_packets(source), video_times(source)[0]
    got = audio_packets(out)
    assert len(frames) == sum(20 if name == "sounding" else 100 for name in names)
    assert frames[0] == 0
    assert [data for _, data in got] == [data for _, data in own]
    for (time, _), (expected, _) in zip(got, own, strict=True):
        assert abs((time - frames[100]) - (expected - begin)) <= ROUNDING


def test_sound_goes_on_after_a_part_without_sound(tmp_path, parts):
    source = parts["sounding"]
    out = copy(written(tmp_path / "whole.ts", [source, parts["silent"], source]), tmp_path / "o.mkv")
    frames, own, begin = video_times(out), audio_packets(source), video_times(source)[0]
    got = audio_packets(out)
    assert [data for _, data in got] == 2 * [data for _, data in own]
    for first, packets in ((frames[0], got[: len(own)]), (frames[120], got[len(own) :])):
        for (time, _), (expected, _) in zip(packets, own, strict=True):
            assert abs((time - first) - (expected - begin)) <= ROUNDING


def test_late_sound_can_be_trimmed_to(tmp_path, parts):
    whole = written(tmp_path / "whole.ts", [parts["silent"], parts["sounding"], parts["silent"]])
    out = copy(whole, tmp_path / "o.mkv", start=Fraction(9), stop=Fraction(11))
    own, begin = dict(map(reversed, audio_packets(parts["sounding"]))), video_times(parts["sounding"])[0]
    got = audio_packets(out)
    assert len(got) > 25
    assert all(abs(time - 1 - (own[data] - begin)) <= ROUNDING for time, data in got)


def test_a_second_track_that_begins_late_comes_along(tmp_path):
    clip = make_clip(tmp_path / "two.mkv", 12, rate=1, audio="ac3", audio_tracks=2)
    out = copy(begun_late(clip, tmp_path / "late.ts", stream=2, begin=9), tmp_path / "o.mkv")
    own = [(time, data) for time, data in audio_packets(clip, 1) if time >= 9]
    begin = video_times(out)[0]
    got = audio_packets(out, 1)
    assert [data for _, data in got] == [data for _, data in own]
    assert all(abs(time - begin - expected) <= ROUNDING for (time, _), (expected, _) in zip(got, own, strict=True))
    assert len(audio_packets(out, 0)) == len(audio_packets(clip, 0))


def test_a_picture_that_begins_late_is_found(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 120, audio="ac3", options={"bf": "0", "g": "1"})
    late = begun_late(clip, tmp_path / "late.ts", stream=0, begin=10)
    with decode(probe(late)) as decoder:
        assert [number_of(frame.planes[0]) for frame in decoder] == [*range(100, 120)]


def test_a_file_without_a_picture_is_still_refused(tmp_path):
    with av.open(str(tmp_path / "radio.ts"), "w") as sink:
        track = sink.add_stream("mp2", rate=48000)
        frame = av.AudioFrame(format="s16", layout="mono", samples=1152)
        frame.sample_rate, frame.pts = 48000, 0
        for packet in (*track.encode(frame), *track.encode(None)):
            sink.mux(packet)
    with pytest.raises(InputError, match="no video stream"):
        probe(tmp_path / "radio.ts")


def test_ordinary_files_are_read_with_ffmpegs_own_limits(parts):
    assert probe(parts["sounding"]).reach == 0
    assert probe(parts["announced"]).reach == 0
