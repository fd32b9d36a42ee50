"""`interpolate_video`: a call with keywords does what the command line does."""

from __future__ import annotations

import inspect
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import vfi_cli
from tests.blend import Blend
from tests.media import make_clip
from vfi_cli.errors import UsageError
from vfi_cli.jobs.interp import api
from vfi_cli.jobs.interp.plan import InterpJob


@pytest.fixture
def clip(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr("vfi_cli.jobs.interp.run_clip.load_interpolator", lambda *_: Blend())
    return make_clip(tmp_path / "in.mp4", 10)


@pytest.fixture
def asked(monkeypatch) -> list[InterpJob]:
    """The jobs that would be run."""
    jobs: list[InterpJob] = []
    monkeypatch.setattr(api, "run", lambda job, _: jobs.append(job))
    return jobs


@pytest.mark.parametrize("rate", [20, 20.0, "20", Fraction(20), "2x"])
def test_a_rate_may_be_int_float_text_or_fraction(clip: Path, tmp_path: Path, rate):
    summary = vfi_cli.interpolate_video(clip, tmp_path / "out.mp4", fps=rate)
    assert (summary.frames_in, summary.frames_out, summary.duration_out) == (10, 20, 1)


def test_a_float_near_a_usual_rate_is_that_rate(asked: list[InterpJob]):
    api.interpolate_video("in.mp4", fps=60, input_fps=23.976)
    assert asked[0].input_fps == Fraction(24000, 1001)


@pytest.mark.parametrize("time", [2, 2.0, "2", "0:02", Fraction(2)])
def test_a_time_may_be_int_float_text_or_fraction(asked: list[InterpJob], time):
    api.interpolate_video("in.mp4", start=time, stop=3, max_gap=time)
    assert (asked[0].start, asked[0].stop, asked[0].max_gap) == (2, 3, 2)


def test_the_time_of_a_frame_is_met_exactly_by_a_float(asked: list[InterpJob]):
    api.interpolate_video("in.mp4", start=2 / 30)
    assert asked[0].start == Fraction(1, 15)


def test_numbers_of_numpy_are_numbers(asked: list[InterpJob]):
    api.interpolate_video("in.mp4", fps=np.int64(60), start=np.float32(0.5))
    assert (asked[0].fps, asked[0].start) == ("60", Fraction(1, 2))


def test_a_folder_is_a_target_for_images(asked: list[InterpJob]):
    api.interpolate_video("in.mp4", "frames/")
    assert asked[0].target == Path("frames/%06d.png")


def test_options_reach_the_job(asked: list[InterpJob]):
    api.interpolate_video(
        "in.mp4",
        "out.mkv",
        dedup=True,
        mask="mask.png",
        audio_codec="aac",
        audio_bitrate=96_000,
        encoder_options={"g": "1"},
    )
    (job,) = asked
    assert (job.source, job.target, job.mask) == (Path("in.mp4"), Path("out.mkv"), Path("mask.png"))
    assert job.dedup is not None and job.audio_codec is not None and job.audio_codec.bit_rate == 96_000
    assert job.encoder_options == {"g": "1"}


def test_without_options_the_job_is_that_of_the_command_line(asked: list[InterpJob]):
    api.interpolate_video("in.mp4")
    assert asked == [InterpJob(source=Path("in.mp4"))]


@pytest.mark.parametrize(
    "options",
    [
        {"fps": float("nan")},
        {"fps": -1},
        {"fps": 0},
        {"fps": True},
        {"fps": [60]},
        {"start": float("inf")},
        {"start": -1.0},
        {"multi": 1},
        {"fps": 60, "multi": 2},
        {"audio_bitrate": 96_000},
        {"audio_bitrate": 96_000, "audio_codec": "copy"},
        {"audio_bitrate": "96k", "audio_codec": "aac"},
        {"slowmo": 2.5},
        {"multi": "2"},
        {"video_stream": -1},
        {"scene_mode": "x"},
    ],
)
def test_a_value_that_makes_no_sense_is_a_usage_error(asked: list[InterpJob], options):
    with pytest.raises(UsageError):
        api.interpolate_video("in.mp4", **options)
    assert asked == []


def test_the_public_names_are_there_and_have_types():
    for name in vfi_cli.__all__:
        assert getattr(vfi_cli, name) is not None
    parameters = inspect.signature(vfi_cli.interpolate_video).parameters.values()
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in parameters)
    assert all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in parameters)
