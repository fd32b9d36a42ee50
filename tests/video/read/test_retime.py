"""Tests that a frame rate given by the user replaces the times in the file."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tests.media import make_clip, number_of, numbered_luma
from vfi_cli.video.read.probe import probe
from vfi_cli.video.read.retime import at_rate
from vfi_cli.video.read.sources import open_source

FILM = Fraction(24000, 1001)


def read(path, rate, **part):
    source = open_source(path, rate)
    info = source.probe()
    with source.decode(info, **part) as decoder:
        frames = list(decoder)
        assert decoder.damaged == 0 and not decoder.notes
    return info, frames


@pytest.mark.parametrize(
    ("name", "codec", "format"),
    [
        ("a.h264", "libx264", "h264"),
        ("a.hevc", "libx265", "hevc"),
        ("a.m2v", "mpeg2video", "mpeg2video"),
        ("a.m4v", "mpeg4", "m4v"),
        ("a.mjpeg", "mjpeg", "mjpeg"),
        ("a.ivf", "libvpx-vp9", "ivf"),
        ("a.obu", "libsvtav1", "obu"),
        ("a.y4m", "wrapped_avframe", "yuv4mpegpipe"),
        ("a.mp4", "libx264", None),
        ("a.mkv", "libx264", None),
        ("a.ts", "libx264", None),
        ("a.avi", "mpeg4", None),
    ],
)
def test_frames_are_spaced_by_the_given_rate_and_not_by_the_file(tmp_path, name, codec, format):
    path = make_clip(
        tmp_path / name,
        12,
        height=64,
        rate=25,
        codec=codec,
        format=format,
        pix_fmt="yuvj420p" if codec == "mjpeg" else "yuv420p",
        options={"x265-params": "log-level=none"} if codec == "libx265" else {},
    )
    info, frames = read(path, FILM)
    start = probe(path).start
    assert [frame.pts for frame in frames] == [start + k / FILM for k in range(12)]
    assert [frame.duration for frame in frames] == [1 / FILM] * 12
    assert [number_of(frame.luma) for frame in frames] == list(range(12))
    assert (info.average_rate, info.vfr, info.duration) == (FILM, False, 12 / FILM)


@pytest.mark.parametrize("name", ["a.mjpeg", "a.bin"])
def test_a_stream_of_jpeg_frames_with_headers_is_not_taken_as_one_image(tmp_path, name):
    """Cameras begin each frame with a JFIF header."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 96, 128)).astype(np.uint8)  # makes large frames
    noise[:, 24:72] = [numbered_luma(number, 128, 48) for number in range(12)]
    plain = make_clip(
        tmp_path / "whole.mjpeg",
        12,
        width=128,
        height=96,
        codec="mjpeg",
        format="mjpeg",
        pix_fmt="yuvj420p",
        pictures=list(noise),
    )
    header = bytes.fromhex("ffd8ffe000104a46494600010200000100010000")
    path = tmp_path / name
    path.write_bytes(header.join(plain.read_bytes().split(b"\xff\xd8")))
    _, frames = read(path, Fraction(50))
    assert [(frame.pts, number_of(frame.luma)) for frame in frames] == [(Fraction(k, 50), k) for k in range(12)]


def test_a_given_rate_replaces_uneven_times(tmp_path):
    times = [Fraction(n * n, 100) for n in range(10)]
    _, frames = read(make_clip(tmp_path / "a.mkv", times=times, time_base=Fraction(1, 1000)), Fraction(10))
    assert [frame.pts for frame in frames] == [Fraction(k, 10) for k in range(10)]


def test_start_and_stop_refer_to_the_new_times(tmp_path):
    path = make_clip(tmp_path / "a.mp4", 60, rate=30, options={"g": "10"})
    _, frames = read(path, Fraction(10), start=Fraction(4), stop=Fraction(9, 2))
    assert [(frame.pts, number_of(frame.luma)) for frame in frames] == [
        (Fraction(40 + k, 10), 40 + k) for k in range(5)
    ]


def test_a_note_says_that_audio_may_lose_sync(tmp_path):
    info = probe(make_clip(tmp_path / "a.mp4", 50, rate=25, audio="aac"))
    assert not any("may lose sync" in note for note in at_rate(info, Fraction(25)).notes)
    assert not any("may lose sync" in note for note in at_rate(info, FILM).notes)  # 0.09 s
    assert any("lasts 4.17 s at this rate, not 2.00 s" in note for note in at_rate(info, Fraction(12)).notes)
    without_audio = replace(info, others=())
    assert at_rate(without_audio, Fraction(12)).notes == without_audio.notes


def test_the_time_of_the_first_interlaced_frame_is_rescaled(tmp_path):
    info = replace(probe(make_clip(tmp_path / "a.mp4", 50, rate=25)), fields_at=Fraction(1))
    assert at_rate(info, Fraction(50)).fields_at == Fraction(1, 2)


def test_a_note_says_that_the_file_states_no_rate(tmp_path):
    raw = make_clip(tmp_path / "a.mjpeg", 4, codec="mjpeg", format="mjpeg", pix_fmt="yuvj420p")
    note = "the file does not state its frame rate: 25 is assumed, see --input-fps"
    assert note in open_source(raw).probe().notes
    assert note not in open_source(raw, FILM).probe().notes
    assert note not in open_source(make_clip(tmp_path / "a.mp4", 4, rate=25)).probe().notes
