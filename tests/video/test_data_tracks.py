"""Data streams are copied completely, and the check of the finished file accepts them."""

from fractions import Fraction

import av
import pytest

from tests.media import make_clip, video_times
from tests.video.streams.test_stream_copy import copy
from vfi_cli.video.read.probe import probe

FRAMES = 20  # at 10 per second


def with_data(path, times, tracks=1):
    """A clip with data streams that have a packet at each of `times`, in seconds."""
    clip = make_clip(path.with_suffix(".part.mkv"), FRAMES, options={"bf": "0"}, audio="aac")
    with av.open(str(clip)) as source, av.open(str(path), "w") as sink:
        copies = {stream.index: sink.add_stream_from_template(stream) for stream in source.streams}
        data = [sink.add_data_stream("bin_data") for _ in range(tracks)]
        packets = [packet for packet in source.demux() if packet.size]
        for packet in packets:
            packet.stream = copies[packet.stream_index]
        for number, track in enumerate(data):
            for time in times:
                packet = av.Packet(b"track %d at %.2f" % (number, time))
                packet.stream, packet.time_base = track, Fraction(1, 1000)
                packet.pts = packet.dts = round(1000 * time)
                packet.duration = 100
                packets.append(packet)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            sink.mux(packet)
    return path


def data_of(path, track=0):
    begin = video_times(path)[0]
    with av.open(str(path)) as source:
        packets = [packet for packet in source.demux(source.streams.data[track]) if packet.size]
        return [(packet.pts * packet.time_base - begin, bytes(packet)) for packet in packets]


@pytest.mark.parametrize("times", [(0, 0.5, 1, 1.5), (1,), tuple(n / 10 for n in range(FRAMES))])
@pytest.mark.parametrize("tracks", [1, 2])
def test_every_data_packet_is_copied_with_its_time(tmp_path, times, tracks):
    clip = with_data(tmp_path / "a.mp4", times, tracks=tracks)
    out = copy(clip, tmp_path / "o.mp4")
    for track in range(tracks):
        expected, got = data_of(clip, track), data_of(out, track)
        assert len(expected) == len(times)
        assert [data for _, data in got] == [data for _, data in expected]
        assert all(abs(a - b) <= Fraction(1, 500) for (a, _), (b, _) in zip(got, expected, strict=True))


def test_data_of_a_trimmed_clip_begins_with_the_trimmed_clip(tmp_path):
    clip = with_data(tmp_path / "a.mp4", tuple(n / 10 for n in range(FRAMES)))
    out = copy(clip, tmp_path / "o.mp4", start=Fraction(1, 2), stop=Fraction(3, 2))
    assert [data for _, data in data_of(out)] == [data for _, data in data_of(clip)[5:15]]
    assert data_of(out)[0][0] == 0


def test_a_data_stream_without_packets_in_the_trimmed_clip_passes_the_check(tmp_path):
    clip = with_data(tmp_path / "a.mp4", (1.8,))
    copy(clip, tmp_path / "o.mp4", start=Fraction(0), stop=Fraction(1))
    assert len(video_times(tmp_path / "o.mp4")) == 10


@pytest.mark.parametrize("target", ["o.mov", "o.mp4", "o.mkv"])
def test_a_timecode_stream_becomes_the_timecode_of_the_output(tmp_path, target):
    clip = make_clip(tmp_path / "a.mov", FRAMES, rate=25, audio="aac", metadata={"timecode": "01:02:03:04"})
    with av.open(str(clip)) as source:
        assert [stream.metadata["timecode"] for stream in source.streams.data] == ["01:02:03:04"]
    out = copy(clip, tmp_path / target)
    assert probe(out).timecode == "01:02:03:04"
    with av.open(str(out)) as written:
        assert len(written.streams.data) == (target != "o.mkv")
