"""Tests which video stream of a file is read."""

from fractions import Fraction

import av
import pytest
from av.stream import Disposition

from tests.media import make_clip
from vfi_cli.errors import InputError, UsageError
from vfi_cli.video.read.probe import probe
from vfi_cli.video.read.sources import open_source

FLAG, COVER, NONE = Disposition.default, Disposition.attached_pic, Disposition(0)


def make_file(path, *tracks):
    """Write a file with one video stream for each (codec, width, frames, flags) of `tracks`, in that order."""
    packets = []
    with av.open(str(path), "w") as sink:
        for number, (codec, width, frames, flags) in enumerate(tracks):
            pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            part = make_clip(
                path.with_name(f"{number}.mkv"), frames, width=width, codec=codec, pix_fmt=pix_fmt, options={"bf": "0"}
            )
            with av.open(str(part)) as source:
                copy = sink.add_stream_from_template(source.streams.video[0], opaque=True)
                copy.disposition = flags
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.stream, packet.dts = copy, packet.pts
                        packets.append(packet)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            sink.mux(packet)
    return path


@pytest.mark.parametrize(
    ("tracks", "main"),
    [
        ([("mjpeg", 32, 1, NONE), ("libx264", 64, 10, FLAG)], 1),
        ([("mjpeg", 32, 1, FLAG), ("libx264", 64, 10, FLAG)], 1),
        ([("mjpeg", 32, 1, FLAG), ("libx264", 64, 10, NONE)], 1),
        ([("libx264", 32, 1, NONE), ("libx264", 64, 10, NONE)], 1),
        ([("libx264", 32, 10, NONE), ("libx264", 64, 10, FLAG)], 1),
        ([("libx264", 32, 10, FLAG), ("libx264", 64, 10, FLAG)], 0),
        ([("mjpeg", 32, 9, NONE), ("libx264", 64, 10, NONE)], 1),
        ([("mjpeg", 32, 9, FLAG), ("libx264", 64, 10, NONE)], 0),
        ([("libx264", 32, 3, NONE), ("libx264", 64, 40, NONE)], 1),
    ],
)
def test_the_main_stream_has_several_frames_the_default_flag_and_a_video_codec(tmp_path, tracks, main):
    info = probe(make_file(tmp_path / "a.mkv", *tracks))
    assert (info.index, info.width) == (main, tracks[main][1])
    assert [stream.index for stream in info.others] == [1 - main]


def test_any_stream_but_a_cover_can_be_chosen(tmp_path):
    path = make_file(tmp_path / "a.mp4", ("libx264", 32, 10, FLAG), ("libx264", 48, 10, NONE), ("mjpeg", 16, 1, COVER))
    for number, width in ((0, 32), (1, 48)):
        info = open_source(path, video=number).probe()
        assert (info.index, info.width, len(info.others)) == (number, width, 2)
    with pytest.raises(
        UsageError, match=r"video stream 2 is a cover \(the streams are 0: h264 32x48 default; 1: h264 48x48"
    ):
        probe(path, 2)
    with pytest.raises(UsageError, match="video stream 3 does not exist"):
        probe(path, 3)


def test_a_still_is_read_if_the_file_has_no_other_video_stream(tmp_path):
    assert probe(make_file(tmp_path / "a.mkv", ("mjpeg", 32, 1, NONE))).frame_count == 1


def test_an_audio_file_has_no_video_stream_to_choose(tmp_path):
    path = make_clip(tmp_path / "a.mkv", 3, audio="aac")
    with av.open(str(path)) as source, av.open(str(tmp_path / "b.mka"), "w", format="matroska") as sink:
        copy = sink.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = copy
                sink.mux(packet)
    with pytest.raises(InputError, match="no video stream"):
        probe(tmp_path / "b.mka", 0)


def test_image_folders_and_pipes_have_no_streams_to_choose_from(tmp_path):
    make_clip(tmp_path / "0001.png", 1, codec="png", pix_fmt="rgb24", format="image2")
    for path in (tmp_path, "-"):
        with pytest.raises(UsageError, match="--video-stream"):
            open_source(type(tmp_path)(path), Fraction(10), video=0)
