"""Tests inputs and options that need too much, or that name something other than a local video file."""

from __future__ import annotations

import os
import socket

import pytest

from tests.media import make_clip
from tests.reliability.media import (
    many_streams,
    png_bomb,
    with_matroska_number,
    with_time_jump,
    with_tiny_audio_packets,
    y4m,
)

case = pytest.mark.reliability
MIB = 2**20
DURATION = b"\x44\x89"  # of a Matroska segment


@case(30)
@pytest.mark.parametrize(("side", "code"), [(16_000, 7), (65_535, 3)])
@pytest.mark.parametrize("kind", ["png", "y4m"])
def test_a_header_that_states_a_giant_frame_is_refused_at_once(vfi, tmp_path, unchanged, kind, side, code):
    if kind == "png":
        clip = png_bomb(tmp_path / "in.png", side, side)
    else:
        clip = y4m(tmp_path / "in.y4m", side, side, data=bytes(1000))
    with unchanged():
        done = vfi("interp", clip, "-o", tmp_path / "out.mp4")
    assert done.code in (code, 3 if kind == "png" else code), done
    assert done.peak < 300 * MIB and done.seconds < 3


@case(31)
def test_a_clip_with_a_hundred_streams_is_read_or_is_a_limit_error(vfi, tmp_path):
    done = vfi("interp", many_streams(tmp_path / "in.mkv", 99), "-o", tmp_path / "out.mkv")
    assert done.code in (0, 7), done
    assert done.peak < 400 * MIB and done.seconds < 20


@case(31)
@pytest.mark.parametrize("arguments", [("info",), ("interp", "-t", "1", "-o", "out.mp4")], ids=["info", "interp"])
def test_a_second_of_a_million_tiny_packets_needs_little_time_and_memory(vfi, tmp_path, arguments):
    clip = y4m(tmp_path / "in.y4m", 2, 2, frames=1_000_000)
    done = vfi(arguments[0], clip, *arguments[1:], cwd=tmp_path)
    assert done.code == 0, done
    assert done.peak < 300 * MIB and done.seconds < 10


@case(31)
@pytest.mark.parametrize("place", ["file", "stream"])
def test_a_stated_duration_without_end_is_ignored(vfi, tmp_path, place):
    clip = make_clip(tmp_path / "in.mkv", 10)
    if place == "file":
        with_matroska_number(clip, DURATION, 2.0**62)
    else:
        clip.write_bytes(clip.read_bytes().replace(b"00:00:01.000000000", b"99999999999:59:59."))
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4")
    assert done.code == 0, done
    assert done.peak < 300 * MIB and done.seconds < 10


@case(31)
@pytest.mark.parametrize("fps", [(), ("--fps", "60")], ids=["multiple", "rate"])
def test_a_time_jump_of_a_million_years_is_a_limit_error(vfi, tmp_path, fps):
    clip = with_time_jump(make_clip(tmp_path / "a.mkv", 10), tmp_path / "in.nut", 5, 2**50)
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", *fps)
    assert done.code == 7 and "jump" in done.err, done
    assert done.peak < 300 * MIB and done.seconds < 10


@case(31)
def test_audio_in_a_hundred_thousand_packets_is_copied_or_is_a_limit_error(vfi, tmp_path):
    clip = with_tiny_audio_packets(make_clip(tmp_path / "a.mkv", 10), tmp_path / "in.mkv", 100_000)
    done = vfi("interp", clip, "-o", tmp_path / "out.mkv")
    assert done.code in (0, 7), done
    assert done.peak < 300 * MIB and done.seconds < 30


@case(34)
@pytest.mark.parametrize("value", ["1", "0", "-2", "1.5", "1e9", "NaN", "1000000000"])
def test_an_invalid_multiple_is_a_usage_error(vfi, clip, unchanged, value):
    with unchanged():
        done = vfi("interp", clip, "-m", value)
    assert done.code == 2 and "-m" in done.err


@case(34)
@pytest.mark.parametrize("value", ["0", "-2", "1e9", "NaN", "inf", "60/0"])
def test_an_invalid_frame_rate_is_a_usage_error(vfi, clip, unchanged, value):
    with unchanged():
        done = vfi("interp", clip, "--fps", value)
    assert done.code == 2 and "--fps" in done.err


@case(36)
@pytest.mark.parametrize("name", ["concat:in.mp4|in.mp4", "file:in.mp4", "subfile,,start,0,end,99,,:in.mp4", "pipe:0"])
def test_protocols_are_taken_as_names_of_files(vfi, clip, unchanged, name):
    with unchanged():
        done = vfi("interp", name, "-o", "out.mp4", cwd=clip.parent)
    assert done.code == 3 and "no such file" in done.err


@case(36)
@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/zero"])
def test_a_device_and_a_pipe_without_video_are_refused(vfi, tmp_path, unchanged, name):
    with unchanged():
        done = vfi("interp", name, "-o", tmp_path / "out.mp4", timeout=20)
    assert done.code == 3, done


@case(36)
def test_nothing_is_fetched_from_the_network(vfi, tmp_path, unchanged):
    with socket.create_server(("127.0.0.1", 0)) as server, unchanged():
        done = vfi("interp", f"http://127.0.0.1:{server.getsockname()[1]}/in.mp4", "-o", "out.mp4", cwd=tmp_path)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert done.code == 3 and "no such file" in done.err


@case(37)
@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile named.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nnamed.mp4\n#EXT-X-ENDLIST\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
        "<Representation><BaseURL>named.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    ],
    ids=["ffconcat", "m3u8", "dash", "sdp"],
)
@pytest.mark.parametrize("name", ["in.mp4", "in.txt"])
def test_a_playlist_is_not_followed_whatever_its_name(vfi, tmp_path, unchanged, text, name):
    os.mkfifo(tmp_path / "named.mp4")  # a process that opens it waits for ever
    (tmp_path / name).write_text(text)
    with unchanged():
        done = vfi("interp", tmp_path / name, "-o", tmp_path / "out.mp4", timeout=20)
    assert done.code == 3, done
