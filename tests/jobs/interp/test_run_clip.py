from __future__ import annotations

import logging
import os
import threading
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.blend import Blend
from tests.media import audio_packets, make_clip, number_of, truncated, video_times
from tests.streams import make_rich
from vfi_cli.errors import InputError, ModelError, OutputError, UsageError, VfiError
from vfi_cli.jobs.interp.api import interpolate_video
from vfi_cli.jobs.interp.duplicates import Deduplication
from vfi_cli.jobs.interp.plan import InterpJob
from vfi_cli.jobs.interp.run_clip import run
from vfi_cli.jobs.interp.summary import DAMAGED, Progress, Summary
from vfi_cli.video.read.probe import probe
from vfi_cli.video.write.encode import Encoder
from vfi_cli.video.write.mux import Muxer

F = Fraction


def do(source: Path, target: Path | None = None, interpolator: Blend | None = None, **options) -> Summary:
    """Run a job without scene detection, which would find a cut between any two numbered frames of a test clip."""
    job = InterpJob(source=source, target=target, **{"scene_threshold": None, **options})
    return run(job, interpolator=interpolator or Blend())


def numbers(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [number_of(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]


def assert_clean(folder: Path, *kept: Path) -> None:
    assert sorted(folder.iterdir()) == sorted(kept)
    assert not {"decode", "encode"} & {thread.name for thread in threading.enumerate()}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "in.mp4", 10)


def test_twice_the_frame_rate_gives_twice_the_frames_in_the_same_duration(clip: Path, tmp_path: Path):
    summary = do(clip, tmp_path / "out.mp4")
    assert video_times(summary.target) == [F(k, 20) for k in range(20)]
    assert numbers(summary.target)[0::2] == list(range(10))
    assert (summary.frames_in, summary.frames_out, summary.generated, summary.copied) == (10, 20, 9, 11)
    assert summary.duration_in == summary.duration_out == 1
    assert summary.exit_code == summary.damaged == 0


@pytest.mark.parametrize(
    "rate, fps, expected",
    [
        (F(24), "60", F(60)),
        (F(24000, 1001), "60", F(60)),
        (F(24000, 1001), "59.94", F(60000, 1001)),
        (F(25), "2.5x", F(125, 2)),
        (F(25), "10", F(10)),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_new_frame_rate_keeps_the_duration(tmp_path: Path, rate: Fraction, fps: str, expected: Fraction, suffix: str):
    clip = make_clip(tmp_path / f"in{suffix}", 12, rate=rate)
    times = video_times(do(clip, tmp_path / "out.mp4", fps=fps).target)
    assert times == [k / expected for k in range(len(times))]
    assert times[-1] < 12 / rate <= times[-1] + 1 / expected


def test_rounded_timestamps_do_not_reduce_the_copied_frames(tmp_path: Path):
    blend = Blend()
    clip = make_clip(tmp_path / "in.mkv", 48, rate=24)
    summary = do(clip, tmp_path / "out.mkv", blend, fps="48")
    assert (summary.frames_out, summary.generated) == (96, 47)
    assert {t for times in blend.asked for t in times} == {0.5}


def test_uneven_source_times_are_kept_and_new_frames_lie_half_way_between(tmp_path: Path):
    times = [F(0), F(1, 10), F(4, 10), F(5, 10), F(11, 10)]
    clip = make_clip(tmp_path / "in.mkv", 5, times=times, time_base=F(1, 1000))
    summary = do(clip, tmp_path / "out.mkv", multi=2)
    written = video_times(summary.target)
    assert written[0::2] == times
    assert written[1:9:2] == [F(1, 20), F(1, 4), F(9, 20), F(4, 5)]


def test_after_a_missing_frame_source_frames_are_still_copied(tmp_path: Path):
    blend = Blend()
    times = [F(k, 30) for k in range(29) if k != 14]
    clip = make_clip(tmp_path / "in.mkv", 28, rate=30, times=times, time_base=F(1, 1000))
    summary = do(clip, tmp_path / "out.mkv", blend, fps="60")
    assert (summary.frames_out, summary.generated, summary.pauses) == (58, 29, 0)
    assert blend.asked.count([0.5]) == 26 and blend.asked.count([0.25, 0.5, 0.75]) == 1


@pytest.mark.parametrize(
    "options, generated", [({"fps": "20"}, 20), ({"fps": "20", "max_gap": F(0)}, 60), ({"multi": 2}, 20)]
)
def test_a_pause_is_held_until_one_usual_gap_before_its_end(tmp_path: Path, options, generated: int):
    times = [F(k, 10) for k in (*range(11), *range(31, 41))]
    clip = make_clip(tmp_path / "in.mkv", 21, times=times, time_base=F(1, 1000))
    summary = do(clip, tmp_path / "out.mkv", **options)
    assert summary.generated == generated
    assert summary.pauses == (0 if "max_gap" in options else 1)
    assert summary.duration_out == summary.duration_in
    written = video_times(summary.target)
    if "multi" in options:
        assert written[20:24] == [F(1), F(61, 20), F(31, 10), F(63, 20)]
    else:
        assert written == [F(k, 20) for k in range(len(written))]


def test_film_with_repeat_flags_is_placed_evenly(tmp_path: Path):
    """Frames of 50 and 33 ms, as on a DVD."""
    times = [F(1001 * (5 * (k // 2) + 3 * (k % 2)), 60000) for k in range(20)]
    clip = make_clip(tmp_path / "in.mkv", 20, times=times, time_base=F(1, 1000))
    blend = Blend()
    summary = do(clip, tmp_path / "out.mp4", blend, fps="59.94")
    assert {round(t, 6) for asked in blend.asked for t in asked} == {0.2, 0.4, 0.6, 0.8}
    assert summary.duration_out >= times[-1]


@pytest.mark.parametrize("options", [{"fps": "10"}, {"multi": 2}, {"fps": "25"}, {"slowmo": 3}])
def test_replacing_repeats_changes_no_times_and_no_audio(tmp_path: Path, options):
    clip = make_clip(tmp_path / "in.mp4", 12, audio="aac", shown=[0, 0, 0, 1, 1, 2, 3, 3, 3, 4, 4, 4])
    plain = do(clip, tmp_path / "plain.mp4", **options)
    summary = do(clip, tmp_path / "out.mp4", dedup=Deduplication(), **options)
    assert (plain.replaced, summary.replaced) == (0, 5)  # without those at the end
    assert summary.generated > plain.generated
    assert video_times(summary.target) == video_times(plain.target)
    assert summary.duration_out == plain.duration_out
    if "slowmo" not in options:
        assert audio_packets(summary.target) == audio_packets(clip)


class Dragging(Blend):
    """Makes the mean of two frames, moved 4 pixels to the right, as flow moves the edge of an overlay."""

    def between(self, left, right, times):
        return [image.roll(4, dims=2) for image in super().between(left, right, times)]


def test_a_mask_keeps_its_part_of_the_frame_in_place(tmp_path: Path):
    clip = make_clip(tmp_path / "in.mkv", 6, codec="ffv1")
    white = np.zeros((48, 64), np.uint8)
    white[30:, :] = 255
    mask = tmp_path / "mask.png"
    mask.write_bytes(cv2.imencode(".png", white)[1].tobytes())
    options = {"codec": "ffv1", "interpolator": Dragging()}
    with av.open(str(do(clip, tmp_path / "out.mkv", mask=mask, **options).target)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    for left, made, right in zip(frames[0:-2:2], frames[1:-1:2], frames[2::2], strict=True):
        assert np.array_equal(made[30:], right[30:])
        assert not np.array_equal(made[:30], left[:30]) and not np.array_equal(made[:30], right[:30])


def test_slow_motion_keeps_the_frame_rate_lasts_longer_and_warns_that_it_is_silent(tmp_path: Path, caplog):
    clip = make_clip(tmp_path / "in.mp4", 6, audio="aac")
    caplog.set_level(logging.WARNING)
    summary = do(clip, slowmo=4)
    assert summary.target == tmp_path / "in_slowmo4x.mp4"
    assert video_times(summary.target) == [F(k, 10) for k in range(24)]
    assert numbers(summary.target)[::4] == list(range(6))
    assert (summary.duration_in, summary.duration_out) == (F(6, 10), F(24, 10))
    with av.open(str(summary.target)) as container:
        assert not container.streams.audio
    assert "no audio" in caplog.text


def test_audio_is_copied_unchanged_or_left_out_on_request(tmp_path: Path):
    clip = make_clip(tmp_path / "in.mp4", 10, audio="aac")
    with_audio = do(clip, tmp_path / "out.mp4").target
    assert [data for _, data in audio_packets(with_audio)] == [data for _, data in audio_packets(clip)]
    silent = do(clip, tmp_path / "silent.mp4", audio=False).target
    with av.open(str(silent)) as container:
        assert not container.streams.audio


@pytest.mark.parametrize(
    "option, gone",
    [("audio", {"audio"}), ("subtitles", {"subtitle"}), ("data", {"attachment", "cover"}), ("chapters", {"chapters"}),
     ("metadata", {"title"})],
)  # fmt: skip
def test_each_kind_of_other_stream_can_be_left_out(tmp_path: Path, caplog, option: str, gone: set[str]):
    clip = make_rich(tmp_path / "in.mkv")
    caplog.set_level(logging.WARNING)
    out = probe(do(clip, tmp_path / "out.mkv", stop=F(1), **{option: False}).target)
    found = {stream.kind for stream in out.others if not stream.cover} | {"cover" for s in out.others if s.cover}
    found |= {"chapters"} if out.chapters else set()
    found |= {"title"} if out.metadata.get("title") and out.audio and out.audio[0].title else set()
    everything = {"audio", "subtitle", "attachment", "cover", "chapters", "title"}
    assert found == everything - gone - ({"title"} if option == "audio" else set())
    assert [stream.language for stream in out.others if stream.kind == "subtitle"] in ([], ["eng", "deu"])
    assert "left out" not in caplog.text


def test_audio_that_the_container_refuses_fails_before_the_model_is_used(tmp_path: Path):
    clip, blend = make_clip(tmp_path / "in.mkv", 10, audio="pcm_s16le"), Blend()
    with pytest.raises(OutputError, match=r"pcm_s16le in mp4 .*-c:a aac"):
        do(clip, None, blend)
    assert blend.prepared == 0
    assert_clean(tmp_path, clip)
    assert do(clip, None, audio=False).exit_code == 0


def test_a_part_of_the_clip_can_be_used(clip: Path, tmp_path: Path):
    summary = do(clip, tmp_path / "out.mp4", start=F(2, 10), stop=F(7, 10))
    assert numbers(summary.target)[0::2] == [2, 3, 4, 5, 6]
    assert video_times(summary.target)[0] == 0
    assert summary.duration_out == F(5, 10)


def test_a_single_frame_is_held(tmp_path: Path):
    summary = do(make_clip(tmp_path / "in.mp4", 1), tmp_path / "out.mp4")
    assert (summary.frames_out, summary.generated, summary.exit_code) == (2, 0, 0)


@pytest.mark.parametrize(
    "options, name", [({"fps": "60"}, "in_60fps.mp4"), ({"fps": "59.94"}, "in_59.94fps.mp4"), ({}, "in_20fps.mp4")]
)
def test_the_default_output_lies_beside_the_input_and_is_named_after_its_rate(clip: Path, options, name):
    assert do(clip, **options).target == clip.with_name(name)


def test_file_names_are_taken_literally(tmp_path: Path):
    clip = make_clip(tmp_path / "in.mp4", 2).rename(tmp_path / "-a b%03d 🎬:'.mp4")
    summary = do(clip, tmp_path / "-ü \n%d.mp4")
    assert len(numbers(summary.target)) == 4
    assert_clean(tmp_path, clip, summary.target)


def test_progress_is_reported_for_every_frame(clip: Path, tmp_path: Path):
    reports: list[Progress] = []
    job = InterpJob(source=clip, target=tmp_path / "out.mp4", scene_threshold=None)
    run(job, reports.append, Blend())
    assert [progress.written for progress in reports] == list(range(1, 21))
    assert {progress.expected for progress in reports} == {20}


def test_the_summary_holds_the_work_of_each_stage_and_converts_to_a_dict(clip: Path, tmp_path: Path):
    summary = do(clip, tmp_path / "out.mp4")
    assert {stage.name: stage.items for stage in summary.stages} == {"decode": 10, "interpolate": 20, "encode": 20}
    assert summary.bottleneck in ("decode", "interpolate", "encode")
    assert summary.to_dict()["frames_out"] == 20 and summary.peak_bytes > 1e6


def test_an_existing_file_is_not_changed(clip: Path, tmp_path: Path):
    target = tmp_path / "out.mp4"
    target.write_text("precious")
    with pytest.raises(OutputError, match="-y"):
        do(clip, target)
    assert target.read_text() == "precious"
    assert_clean(tmp_path, clip, target)


@pytest.mark.parametrize("alias", ["same", "hard link", "link"])
def test_the_input_is_never_the_output(clip: Path, tmp_path: Path, alias: str):
    content, target = clip.read_bytes(), tmp_path / "alias.mp4"
    if alias == "same":
        target = clip
    elif alias == "hard link":
        os.link(clip, target)
    else:
        target.symlink_to(clip)
    with pytest.raises(OutputError):
        do(clip, target, overwrite=True)
    assert clip.read_bytes() == content


class Failing(Blend):
    """Fails at the fourth call."""

    def between(self, left, right, times):
        if len(self.asked) == 3:
            raise ModelError("out of ideas")
        return super().between(left, right, times)


def test_a_failure_of_the_model_keeps_the_old_file_and_leaves_no_other(clip: Path, tmp_path: Path):
    target = tmp_path / "out.mp4"
    target.write_text("precious")
    with pytest.raises(ModelError, match="out of ideas"):
        do(clip, target, Failing(), overwrite=True)
    assert target.read_text() == "precious"
    assert_clean(tmp_path, clip, target)


@pytest.mark.parametrize(
    ("part", "method"),
    [(Encoder, "write"), (Encoder, "close"), (Muxer, "write"), (Muxer, "close")],
)
def test_an_error_of_the_encoder_or_the_muxer_is_raised(
    clip: Path, tmp_path: Path, monkeypatch, part: type, method: str
):
    def fail(*_, **__):
        raise OutputError("out of ink")

    monkeypatch.setattr(part, method, fail)
    with pytest.raises(OutputError, match="out of ink"):
        do(clip, tmp_path / "out.mp4")
    assert_clean(tmp_path, clip)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_a_job_interrupted_early_leaves_no_file(clip: Path, tmp_path: Path, interruption):
    def stop(progress: Progress) -> None:
        if progress.written == 5:
            raise interruption

    with pytest.raises(interruption):
        run(InterpJob(source=clip, target=tmp_path / "out.mp4"), stop, Blend())
    assert_clean(tmp_path, clip)


def test_damaged_frames_are_counted_or_an_error_if_strict(tmp_path: Path):
    whole = make_clip(tmp_path / "whole.mp4", 40, options={"g": "5"})
    with (
        av.open(str(whole)) as source,
        av.open(str(tmp_path / "fast.mp4"), "w", container_options={"movflags": "faststart"}) as sink,
    ):
        stream = source.streams.video[0]
        copy = sink.add_stream_from_template(stream, opaque=True)
        for packet in source.demux(stream):
            if packet.size:
                packet.stream = copy
                sink.mux(packet)
    clip = truncated(tmp_path / "fast.mp4", 0.7, tmp_path / "in.mp4")
    summary = do(clip, tmp_path / "out.mp4")
    assert summary.exit_code == DAMAGED and summary.damaged > 0
    assert len(numbers(summary.target)) == summary.frames_out
    summary.target.unlink()
    before = set(tmp_path.iterdir())
    with pytest.raises(InputError, match="damaged"):
        do(clip, tmp_path / "out.mp4", strict=True)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "options",
    [
        {"fps": "60", "multi": 2},
        {"fps": "0"},
        {"fps": "1e9"},
        {"multi": 1},
        {"multi": 10**9},
        {"slowmo": 0},
        {"start": F(3), "stop": F(2)},
        {"scene_threshold": 2.0},
    ],
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(UsageError):
        InterpJob(source=Path("in.mp4"), **options)


@pytest.mark.parametrize(
    "options, error",
    [
        ({"start": F(99)}, UsageError),
        ({"codec": "nonsense"}, VfiError),
        ({"target": Path("/nowhere/out.mp4")}, OutputError),
        ({"target": Path("out.txt")}, VfiError),
        ({"mask": Path("nowhere.png")}, InputError),
    ],
)
def test_a_job_that_cannot_work_fails_before_the_model_is_used(clip: Path, options, error):
    blend = Blend()
    with pytest.raises(error):
        do(clip, options.pop("target", None), blend, **options)
    assert blend.prepared == 0
    assert_clean(clip.parent, clip)


def test_the_public_function_takes_the_fields_of_a_job(clip: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("vfi_cli.jobs.interp.run_clip.load_interpolator", lambda *_: Blend())
    summary = interpolate_video(str(clip), str(tmp_path / "out.mp4"), fps="30", audio=False)
    assert summary.frames_out == 30
