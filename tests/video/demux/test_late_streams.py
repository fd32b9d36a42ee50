"""Streams that begin after the bytes from which FFmpeg learns about streams are found."""

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
"""376 kB of null packets: more than FFmpeg reads at the end of a file."""


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Clips by name: 20 frames in 2 s with audio; 100 frames in 10 s without. `announced` has an empty audio stream."""
    folder = tmp_path_factory.mktemp("late")
    encoder = {"options": {"bf": "0", "g": "5"}, "format": "mpegts"}
    with_audio = make_clip(folder / "with_audio.ts", 20, audio="ac3", **encoder)
    long = make_clip(folder / "long.ts", 100, audio="ac3", **encoder)
    return {
        "with_audio": with_audio,
        "without_audio": make_clip(folder / "without_audio.ts", 100, **encoder),
        "announced": part(long, folder / "announced.ts", video=10, audio=0),
    }


def written(path, clips):
    path.write_bytes(b"".join(clip.read_bytes() + PADDING for clip in clips))
    return path


def with_late_stream(clip, path, *, stream, begin):
    """A copy of the clip without the packets of a stream before `begin` seconds."""
    with av.open(str(clip)) as source, av.open(str(path), "w", format="mpegts") as sink:
        copies = {stream.index: sink.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.size and (packet.stream_index != stream or packet.pts * packet.time_base >= begin):
                packet.stream = copies[packet.stream_index]
                sink.mux(packet)
    return path


@pytest.mark.parametrize(
    "names",
    [("announced", "with_audio"), ("without_audio", "with_audio"), ("without_audio", "with_audio", "without_audio")],
)
def test_audio_that_begins_late_is_copied_in_sync_with_the_video(tmp_path, parts, names):
    source = parts["with_audio"]
    out = copy(written(tmp_path / "whole.ts", [parts[name] for name in names]), tmp_path / "o.mkv")
    frames, own, begin = video_times(out), audio_packets(source), video_times(source)[0]
    got = audio_packets(out)
    assert len(frames) == sum(20 if name == "with_audio" else 100 for name in names)
    assert frames[0] == 0
    assert [data for _, data in got] == [data for _, data in own]
    for (time, _), (expected, _) in zip(got, own, strict=True):
        assert abs((time - frames[100]) - (expected - begin)) <= ROUNDING


def test_audio_continues_after_a_part_without_audio(tmp_path, parts):
    source = parts["with_audio"]
    out = copy(written(tmp_path / "whole.ts", [source, parts["without_audio"], source]), tmp_path / "o.mkv")
    frames, own, begin = video_times(out), audio_packets(source), video_times(source)[0]
    got = audio_packets(out)
    assert [data for _, data in got] == 2 * [data for _, data in own]
    for first, packets in ((frames[0], got[: len(own)]), (frames[120], got[len(own) :])):
        for (time, _), (expected, _) in zip(packets, own, strict=True):
            assert abs((time - first) - (expected - begin)) <= ROUNDING


def test_a_trimmed_clip_has_its_late_audio(tmp_path, parts):
    whole = written(tmp_path / "whole.ts", [parts["without_audio"], parts["with_audio"], parts["without_audio"]])
    out = copy(whole, tmp_path / "o.mkv", start=Fraction(9), stop=Fraction(11))
    own, begin = dict(map(reversed, audio_packets(parts["with_audio"]))), video_times(parts["with_audio"])[0]
    got = audio_packets(out)
    assert len(got) > 25
    assert all(abs(time - 1 - (own[data] - begin)) <= ROUNDING for time, data in got)


def test_a_second_audio_stream_that_begins_late_is_copied(tmp_path):
    clip = make_clip(tmp_path / "two.mkv", 12, rate=1, audio="ac3", audio_tracks=2)
    out = copy(with_late_stream(clip, tmp_path / "late.ts", stream=2, begin=9), tmp_path / "o.mkv")
    own = [(time, data) for time, data in audio_packets(clip, 1) if time >= 9]
    begin = video_times(out)[0]
    got = audio_packets(out, 1)
    assert [data for _, data in got] == [data for _, data in own]
    assert all(abs(time - begin - expected) <= ROUNDING for (time, _), (expected, _) in zip(got, own, strict=True))
    assert len(audio_packets(out, 0)) == len(audio_packets(clip, 0))


def test_a_video_stream_that_begins_late_is_found(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 120, audio="ac3", options={"bf": "0", "g": "1"})
    late = with_late_stream(clip, tmp_path / "late.ts", stream=0, begin=10)
    with decode(probe(late)) as decoder:
        assert [number_of(frame.planes[0]) for frame in decoder] == [*range(100, 120)]


def test_a_file_without_video_is_still_refused(tmp_path):
    with av.open(str(tmp_path / "radio.ts"), "w") as sink:
        track = sink.add_stream("mp2", rate=48000)
        frame = av.AudioFrame(format="s16", layout="mono", samples=1152)
        frame.sample_rate, frame.pts = 48000, 0
        for packet in (*track.encode(frame), *track.encode(None)):
            sink.mux(packet)
    with pytest.raises(InputError, match="no video stream"):
        probe(tmp_path / "radio.ts")


def test_ordinary_files_are_read_with_the_default_limits_of_ffmpeg(parts):
    assert probe(parts["with_audio"]).reach == 0
    assert probe(parts["announced"]).reach == 0
