"""Tests encoders and containers that refuse their input, or that fail during the run."""

from __future__ import annotations

import threading

import pytest

from tests.media import make_clip

case = pytest.mark.reliability


@case(29)
@pytest.mark.parametrize("audio", ["pcm_s16le", "pcm_u8"])
def test_audio_that_the_container_refuses_is_an_error_before_the_first_frame(vfi, tmp_path, unchanged, audio):
    clip = make_clip(tmp_path / "in.mkv", audio=audio)
    with unchanged():
        done = vfi("interp", clip, "-o", tmp_path / "out.mp4", faults=["out_of_memory=0"])
    assert done.code == 4 and "the audio cannot be copied" in done.err and "-an" in done.err


@case(29)
def test_audio_of_an_unknown_codec_is_an_error_before_the_first_frame(vfi, tmp_path, unchanged):
    clip = make_clip(tmp_path / "in.mkv", audio="pcm_s16le")
    clip.write_bytes(clip.read_bytes().replace(b"A_PCM/INT/LIT", b"A_NEW/INT/LIT"))
    with unchanged():
        done = vfi("interp", clip, "-o", tmp_path / "out.mkv", faults=["out_of_memory=0"])
    assert done.code == 3 and "codec of the audio is unknown" in done.err and "-an" in done.err
    assert vfi("interp", clip, "-o", tmp_path / "out.mkv", "-an").code == 0


@case(54)
@pytest.mark.parametrize(
    "options",
    [
        ("--crf", "99"),
        ("--crf", "NaN"),
        ("-c:v", "nonsense"),
        ("-c:v", "aac"),
        ("-c:v", "libsvtav1", "--pix-fmt", "yuv444p"),
        ("--pix-fmt", "nv99"),
        ("--preset", "quick"),
        ("-e", "nonsense=1"),
        ("-e", "crf=abc"),
        ("-e", "profile=baseline", "--pix-fmt", "yuv444p"),
        ("-o", "out.webm", "-c:v", "libx264"),
        ("-o", "out.txt"),
        ("-o", "out"),
    ],
    ids=" ".join,
)
def test_options_that_no_encoder_accepts_are_refused_before_the_first_frame(vfi, clip, unchanged, options):
    with unchanged():
        done = vfi("interp", clip, *options, cwd=clip.parent, faults=["out_of_memory=0"])
    assert done.code in (2, 4), done


@case(54)
def test_a_frame_size_that_the_encoder_refuses_is_an_error_before_the_first_frame(vfi, tmp_path, unchanged):
    clip = make_clip(tmp_path / "in.nut", 3, width=33, height=17, codec="rawvideo", pix_fmt="yuv444p")
    with unchanged():
        done = vfi("interp", clip, "-o", tmp_path / "out.mp4", "--pix-fmt", "yuv420p", faults=["out_of_memory=0"])
    assert done.code == 2 and "33x17" in done.err


@case(55)
@pytest.mark.parametrize("fault", ["failing_encoder=5", "failing_muxer"])
def test_a_failing_encoder_or_muxer_is_an_error_that_leaves_no_files(vfi, clip, unchanged, fault):
    threads = threading.active_count()
    with unchanged():
        done = vfi("interp", clip, "-o", clip.with_name("out.mp4"), faults=["blend", fault], timeout=30)
    assert done.code == 4 and ("broke down" in done.err or "cannot be finished" in done.err)
    assert threading.active_count() == threads
