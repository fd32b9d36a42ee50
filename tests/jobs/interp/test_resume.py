"""An interrupted job is resumed, and its output is the same as that of a job without an interruption."""

from __future__ import annotations

import dataclasses
import logging
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from tests.blend import Blend
from tests.fields import make_mixed
from tests.jobs.interp import victim
from tests.media import audio_packets, make_clip, video_times
from tests.model.networks import SMALL, untrained
from vfi_cli.engine.device import Runtime
from vfi_cli.engine.interpolator import Interpolator
from vfi_cli.errors import DeviceError, FieldsError, InputError, ModelError, OutputError
from vfi_cli.jobs.interp import run_clip
from vfi_cli.jobs.interp.fingerprint import _NOT_VIDEO, _OMITTED, fingerprint
from vfi_cli.jobs.interp.run_clip import InterpJob, run
from vfi_cli.jobs.interp.summary import Progress, Summary
from vfi_cli.timing.timeline import Nominal
from vfi_cli.video.read import sources
from vfi_cli.video.read.decode import Decoder
from vfi_cli.video.streams.audio import AudioCodec
from vfi_cli.video.write.encode import Encoder
from vfi_cli.video.write.mux import Muxer

FRAMES = 20  # of the clip; the output has twice as many
SEGMENT = 8
WIDTH = 64


@pytest.fixture(autouse=True)
def short_segments(monkeypatch) -> None:
    monkeypatch.setattr(run_clip, "SEGMENT_FRAMES", SEGMENT)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """A clip with uneven times, two scene cuts, and audio."""
    times = [Fraction(n, 10) + Fraction(n * n, 1000) for n in range(FRAMES)]
    folder = tmp_path_factory.mktemp("resume")
    return make_clip(folder / "in.mp4", FRAMES, width=WIDTH, times=times, time_base=Fraction(1, 1000), audio="aac")


@pytest.fixture(scope="module")
def whole(clip: Path, tmp_path_factory) -> tuple[Summary, Contents]:
    """The summary and the contents of an uninterrupted run."""
    run_clip.SEGMENT_FRAMES, before = SEGMENT, run_clip.SEGMENT_FRAMES
    summary = do(clip, tmp_path_factory.mktemp("whole") / "out.mp4")
    run_clip.SEGMENT_FRAMES = before
    return summary, contents(summary.target)


Contents = tuple[list[Fraction], list[bytes], list[tuple[Fraction, bytes]], Fraction]


def contents(path: Path) -> Contents:
    """Times, frames, audio packets and duration of a file."""
    with av.open(str(path)) as container:
        images = [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]
        stream = container.streams.video[0]
        return video_times(path), images, audio_packets(path), stream.duration * stream.time_base


def do(clip: Path, target: Path, blend: Blend | None = None, **options) -> Summary:
    return run(InterpJob(source=clip, target=target, **options), interpolator=blend or Blend())


def interrupt(clip: Path, target: Path, after: int, error: BaseException | None = None, **options) -> BaseException:
    """Run the job until `after` frames are written, then raise `error`, which is returned."""

    def stop(progress: Progress) -> None:
        if progress.written == after:
            raise error or KeyboardInterrupt

    with pytest.raises(type(error) if error else KeyboardInterrupt) as caught:
        run(InterpJob(source=clip, target=target, **options), stop, Blend())
    return caught.value


def folder_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.vfi")


def segments(target: Path) -> list[str]:
    return sorted(path.name for path in folder_of(target).glob("*.mkv"))


def bytes_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("after", [15, 30, 39, 40])
def test_a_resumed_job_gives_the_same_output(clip: Path, whole, tmp_path: Path, after: int, caplog):
    caplog.set_level(logging.INFO)
    target, blend = tmp_path / "out.mp4", Blend()
    error = interrupt(clip, target, after)
    kept = (after - 6) // SEGMENT * SEGMENT  # at least; some frames have not yet reached the encoder
    summary = do(clip, target, blend)
    assert contents(target) == whole[1]
    assert summary.kept >= kept > 0
    assert f"{summary.kept} frames are finished" in error.__notes__[0]
    assert f"resuming after {summary.kept} frames" in caplog.text
    for name in ("frames_in", "frames_out", "generated", "copied", "cuts", "duration_in", "duration_out"):
        assert getattr(summary, name) == getattr(whole[0], name), name
    made = (
        summary.kept // 2 - summary.cuts - 1
    )  # every second frame, without those at cuts and the last one, which are held
    assert len(blend.asked) <= whole[0].generated - made
    assert list(tmp_path.iterdir()) == [target]


def test_an_interruption_before_the_first_segment_is_finished_leaves_no_file(clip: Path, tmp_path: Path):
    error = interrupt(clip, tmp_path / "out.mp4", 3)
    assert error.__notes__ == ["nothing was kept"]
    assert list(tmp_path.iterdir()) == []


def test_a_permanent_failure_leaves_no_file(clip: Path, tmp_path: Path):
    for error in (ModelError("broken"), InputError("broken"), OutputError("broken")):
        interrupt(clip, tmp_path / "out.mp4", 30, error)
        assert list(tmp_path.iterdir()) == []


def test_a_failure_that_may_be_temporary_keeps_the_finished_segments(clip: Path, tmp_path: Path):
    for number, error in enumerate((DeviceError("unplugged"), RuntimeError("a bug"), SystemExit(143))):
        target = tmp_path / f"{number}.mp4"
        interrupt(clip, target, 30, error)
        assert len(segments(target)) >= 3 and not target.exists()


@pytest.mark.parametrize("method", ["write", "close"])
@pytest.mark.parametrize("kind", [Encoder, Muxer])
def test_an_encoder_or_muxer_that_fails_later_leaves_no_file(
    clip: Path, tmp_path: Path, monkeypatch, kind: type, method: str
):
    calls, do_it = iter(range(1000)), getattr(kind, method)
    last = 25 if method == "write" else 3

    def fail(*arguments, **options):
        if next(calls) == last:
            raise OutputError("out of ink")
        return do_it(*arguments, **options)

    monkeypatch.setattr(kind, method, fail)
    with pytest.raises(OutputError, match="out of ink"):
        do(clip, tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def fail_the_check(patch) -> None:
    """Make every check of a finished file fail, as if an audio track were missing."""

    def failing(*_) -> None:
        raise OutputError("is not what was written: these other streams cannot be read back: 1 audio")

    patch.setattr(Muxer, "verify", failing)


def test_an_output_that_fails_its_check_keeps_the_finished_segments(clip: Path, whole, tmp_path: Path, monkeypatch):
    target, blend = tmp_path / "out.mp4", Blend()
    with monkeypatch.context() as patch:
        fail_the_check(patch)
        with pytest.raises(OutputError, match="cannot be read back: 1 audio") as caught:
            do(clip, target)
    assert caught.value.__notes__ == [f"{2 * FRAMES} frames are finished: the same command resumes the job"]
    assert not target.exists()
    summary = do(clip, target, blend)
    assert summary.kept == 2 * FRAMES and not blend.asked
    assert contents(target) == whole[1]
    assert list(tmp_path.iterdir()) == [target]


def test_the_fields_that_do_not_concern_the_video_exist():
    names = {field.name for field in dataclasses.fields(InterpJob)}
    assert names >= _OMITTED | _NOT_VIDEO


@pytest.mark.parametrize(
    "options", [{"audio": False}, {"subtitles": False}, {"audio_codec": AudioCodec("flac")}, {"metadata": False}]
)
def test_options_of_other_streams_may_change_when_a_job_is_resumed(clip: Path, tmp_path: Path, monkeypatch, options):
    target, blend = tmp_path / "out.mp4", Blend()
    with monkeypatch.context() as patch:
        fail_the_check(patch)
        with pytest.raises(OutputError):
            do(clip, target)
    summary = do(clip, target, blend, **options)
    assert summary.kept == 2 * FRAMES and not blend.asked
    with av.open(str(target)) as container:
        codecs = [stream.codec_context.name for stream in container.streams.audio]
    assert codecs == ([] if "audio" in options else ["flac"] if "audio_codec" in options else ["aac"])


def test_audio_before_the_first_frame_moves_the_clock_of_the_segments(tmp_path: Path):
    """Without that audio, the first frame has the time 0, so the segments of the two jobs cannot be mixed."""
    clip = make_clip(
        tmp_path / "in.mkv", FRAMES, width=WIDTH, audio="ac3", times=[Fraction(n + 5, 10) for n in range(FRAMES)]
    )
    early, target = tmp_path / "early.mkv", tmp_path / "out.mp4"
    with av.open(str(clip)) as source, av.open(str(early), "w") as sink:
        copies = [sink.add_stream_from_template(stream, opaque=True) for stream in source.streams]
        for packet in source.demux():
            if packet.size:
                if packet.stream_index == 1:
                    packet.pts -= 400
                    packet.dts -= 400
                packet.stream = copies[packet.stream_index]
                sink.mux(packet)
    interrupt(early, target, 30)
    with pytest.raises(OutputError, match=r"clock was .*now") as caught:
        do(early, target, audio=False)
    assert "--restart" in caught.value.remedy and len(segments(target)) >= 3


def test_strict_keeps_nothing_of_a_damaged_input(clip: Path, tmp_path: Path, monkeypatch):
    interrupt(clip, tmp_path / "out.mp4", 30, strict=True)
    monkeypatch.setattr(Decoder, "damaged", property(lambda _: 3))
    with pytest.raises(InputError, match="damaged"):
        do(clip, tmp_path / "out.mp4", strict=True)
    assert list(tmp_path.iterdir()) == []


class OnAnotherDevice(Blend):
    runtime = Runtime(torch.device("cpu"), torch.bfloat16)


@pytest.mark.reliability(48)
@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"crf": 30.0}, "crf was None, now 30.0"),
        ({"multi": 3}, "multi was None, now 3"),
        ({"encoder_options": {"tune": "film"}}, "encoder_options was"),
        ({"start": Fraction(1, 2)}, "start was 0, now 1/2"),
        ({"scene_threshold": 0.9}, "scene_threshold was"),
        ({"blend": OnAnotherDevice()}, "device was CPU"),
        ({"blend": type("Other", (Blend,), {})()}, "model was lite (Blend), now lite (Other)"),
    ],
)
def test_a_job_with_other_options_is_refused_and_changes_no_file(clip: Path, tmp_path: Path, changed, named: str):
    target = tmp_path / "out.mp4"
    interrupt(clip, target, 30)
    before = bytes_in(tmp_path)
    with pytest.raises(OutputError, match="job differs") as caught:
        do(clip, target, **changed)
    assert named in str(caught.value) and "--restart" in caught.value.remedy
    assert bytes_in(tmp_path) == before


@pytest.mark.reliability(48)
@pytest.mark.parametrize("change", ["age", "size", "bytes"])
def test_another_input_is_refused(clip: Path, tmp_path: Path, change: str):
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    shutil.copy2(clip, source)
    status, data = source.stat(), bytearray(source.read_bytes())
    interrupt(source, target, 30)
    if change == "age":
        os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    else:
        data[data.index(b"mdat") - 5 : data.index(b"mdat") - 5] = b"\0" if change == "size" else b""
        data[-1] ^= 1
        source.write_bytes(data)
        os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises((OutputError, InputError)) as caught:
        do(source, target)
    if change != "size":  # a change of the size breaks the file
        assert "job differs" in str(caught.value) and "input was" in str(caught.value)
    assert len(segments(target)) >= 3


@pytest.mark.reliability(48)
@pytest.mark.parametrize("name", ["vfi_cli.jobs.interp.fingerprint.__version__", "av.__version__", "torch.__version__"])
def test_another_version_is_refused(clip: Path, tmp_path: Path, monkeypatch, name: str):
    interrupt(clip, tmp_path / "out.mp4", 30)
    monkeypatch.setattr(name, "99.0")
    with pytest.raises(OutputError, match=r"job differs.*now 99\.0"):
        do(clip, tmp_path / "out.mp4")


@pytest.mark.reliability(48)
def test_another_number_of_cpus_is_refused(clip: Path, tmp_path: Path, monkeypatch):
    """The number of threads changes the frames of some encoders, for example x264."""
    interrupt(clip, tmp_path / "out.mp4", 30)
    monkeypatch.setattr("vfi_cli.jobs.interp.fingerprint.available_cpus", lambda: 99)
    with pytest.raises(OutputError, match=r"job differs.*now 99 threads"):
        do(clip, tmp_path / "out.mp4")


@pytest.mark.reliability(48)
def test_other_weights_with_the_same_name_make_another_job(clip: Path):
    job = InterpJob(source=clip)
    network = untrained(SMALL["lite"])
    first = fingerprint(job, Interpolator(network, Blend.runtime), None, SEGMENT)
    assert fingerprint(job, Interpolator(network, Blend.runtime), None, SEGMENT) == first
    with torch.no_grad():
        next(network.parameters()).mul_(2)
    other = fingerprint(job, Interpolator(network, Blend.runtime), None, SEGMENT)
    assert {name for name in first if first[name] != other[name]} == {"model"}


def test_restart_ignores_the_finished_segments(clip: Path, whole, tmp_path: Path):
    target = tmp_path / "out.mp4"
    interrupt(clip, target, 30, crf=40.0)
    summary = do(clip, target, restart=True)
    assert summary.kept == 0 and contents(target) == whole[1]


def test_a_run_that_fails_early_keeps_the_segments_of_the_run_before(clip: Path, tmp_path: Path, monkeypatch):
    target = tmp_path / "out.mp4"
    interrupt(clip, target, 30)
    before = bytes_in(tmp_path)

    def gone(*_):
        raise DeviceError("there is no such device")

    monkeypatch.setattr(run_clip, "load_interpolator", gone)
    with pytest.raises(DeviceError):
        run(InterpJob(source=clip, target=target))
    with pytest.raises(OutputError):
        do(clip, target, encoder_options={"crf": "nonsense"})
    assert bytes_in(tmp_path) == before


@pytest.mark.reliability(49)
@pytest.mark.parametrize("damage", ["cut", "gone", "flipped", "empty"])
def test_a_damaged_segment_is_made_again(clip: Path, whole, tmp_path: Path, damage: str):
    target = tmp_path / "out.mp4"
    interrupt(clip, target, 39)
    segment = folder_of(target) / "000001.mkv"
    data = bytearray(segment.read_bytes())
    if damage == "cut":
        segment.write_bytes(data[:-1])
    elif damage == "gone":
        segment.unlink()
    elif damage == "empty":
        segment.write_bytes(b"")
    else:
        data[len(data) // 2] ^= 1
        segment.write_bytes(data)
    left = len(segments(target)) - (damage != "gone")
    summary = do(clip, target)
    assert summary.kept == left * SEGMENT
    assert contents(target) == whole[1]


@pytest.mark.reliability(49)
@pytest.mark.parametrize("line", [0, 1, 2, -1])
@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_line_of_the_journal_is_ignored(clip: Path, whole, tmp_path: Path, line: int, damage: str):
    target = tmp_path / "out.mp4"
    interrupt(clip, target, 39)
    journal = folder_of(target) / "journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    half = len(lines[line]) // 2
    if damage == "cut":
        lines[line:] = [lines[line][:half]]
    else:
        lines[line] = lines[line][:half] + bytes([lines[line][half] ^ 1]) + lines[line][half + 1 :]
    journal.write_bytes(b"".join(lines))
    do(clip, target)
    assert contents(target) == whole[1]
    assert list(tmp_path.iterdir()) == [target]


def test_frames_at_other_times_than_in_the_interrupted_run_are_an_error(clip: Path, tmp_path: Path, monkeypatch):
    target = tmp_path / "out.mp4"
    interrupt(clip, target, 30)
    time_of = Nominal.time
    monkeypatch.setattr(Nominal, "time", lambda clock, pts: time_of(clock, pts) + Fraction(1, 10))
    with pytest.raises(OutputError, match="have other times"):
        do(clip, target)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("out.mkv", {"codec": "libx265", "audio": False}),
        ("out.webm", {"audio": False}),
        ("out.mkv", {"codec": "ffv1"}),
        ("out.mov", {"codec": "prores_ks"}),
        ("out.mov", {"codec": "magicyuv"}),  # Matroska does not support it
        ("out.mp4", {"codec": "libsvtav1"}),
    ],
)
def test_jobs_of_every_codec_and_container_can_be_resumed(tmp_path: Path, name: str, options):
    clip = make_clip(tmp_path / "in.mp4", FRAMES, width=WIDTH, height=64, audio="aac")
    expected = contents_of_any(do(clip, tmp_path / f"whole{Path(name).suffix}", **options).target)
    interrupt(clip, tmp_path / name, 30, **options)
    summary = do(clip, tmp_path / name, **options)
    assert summary.kept >= SEGMENT
    assert contents_of_any(tmp_path / name) == expected


@pytest.mark.slow
@pytest.mark.parametrize("size", [(320, 180), (322, 182), (1280, 720)], ids=str)
@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1", "libvpx-vp9"])
def test_a_resumed_job_gives_the_same_output_at_common_sizes(tmp_path: Path, size: tuple[int, int], codec: str):
    rng = np.random.default_rng(0)
    wide = rng.integers(16, 235, (size[1] // 2, size[0] // 2 + 5 * FRAMES), dtype=np.uint8).repeat(2, 0).repeat(2, 1)
    images = [wide[:, 10 * n : 10 * n + size[0]] for n in range(FRAMES)]
    clip = make_clip(tmp_path / "in.mp4", FRAMES, width=size[0], height=size[1], pictures=images)
    expected = contents_of_any(do(clip, tmp_path / "whole.mkv", codec=codec).target)
    interrupt(clip, tmp_path / "out.mkv", 36, codec=codec)
    assert do(clip, tmp_path / "out.mkv", codec=codec).kept >= SEGMENT
    assert contents_of_any(tmp_path / "out.mkv") == expected


def contents_of_any(path: Path) -> tuple[list[Fraction], list[bytes]]:
    with av.open(str(path)) as container:
        images = [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]
    return video_times(path), images


# A job that is killed at any time ------------------------------------------------------------------------------------


def child(clip: Path, target: Path, **more) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.jobs.interp.victim", str(SEGMENT), str(clip), str(target)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3], **more)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, err = process.communicate(timeout=300)
    return process.returncode, err


@pytest.mark.reliability(46)
@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_job_that_is_killed_at_random_moments_gives_the_same_output(clip: Path, whole, tmp_path: Path, kills: int):
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(
        ["tests.jobs.interp.victim"]
    )  # so that the processes need not import everything each time
    rng, survived, job = random.Random(kills), 0, 0
    while survived < kills:
        job, target, code = job + 1, tmp_path / f"{job}.mp4", None
        while code != 0 and not target.exists():  # it may be killed after it has moved the output to its place
            delay = {"die_after": rng.uniform(0, 1)}
            process = server.Process(target=victim.work, args=(SEGMENT, str(clip), str(target)), kwargs=delay)
            process.start()
            process.join(300)
            code = process.exitcode
            assert code in (0, -signal.SIGKILL)
            survived += code != 0
        assert contents(target) == whole[1]
        assert code or not folder_of(target).exists()


class PowerCuts:
    """Copies a folder before and after every fsync of a file in it, and records which bytes are on the disk."""

    def __init__(self, folder: Path, states: Path, monkeypatch) -> None:
        self._folder, self._states = folder, states
        self._safe: dict[int, int] = {}  # inode: bytes that are on the disk
        self._copies: list[tuple[Path, dict[Path, int]]] = []
        sync = os.fsync

        def recorded(descriptor: int) -> None:
            self._copy()
            sync(descriptor)
            status = os.fstat(descriptor)
            self._safe[status.st_ino] = status.st_size
            self._copy()

        monkeypatch.setattr(os, "fsync", recorded)

    def _copy(self) -> None:
        state = self._states / f"{len(self._copies):03d}"
        shutil.copytree(self._folder, state)
        files = [path for path in self._folder.rglob("*") if path.is_file()]
        safe = {path.relative_to(self._folder): self._safe.get(path.stat().st_ino, 0) for path in files}
        self._copies.append((state, safe))

    def states(self, rng: random.Random) -> Iterator[Path]:
        """Possible states of the folder after a power cut: as copied, or with one file cut after its safe bytes."""
        for state, safe in list(self._copies):
            for path, least in safe.items():
                data = (state / path).read_bytes()
                if least < len(data):
                    cut = state.with_name(f"{state.name} {path.name}")
                    shutil.copytree(state, cut)
                    (cut / path).write_bytes(data[: rng.randrange(least, len(data))])
                    yield cut
            yield state


@pytest.mark.reliability(47)
def test_a_power_cut_at_any_moment_is_survived(tmp_path: Path, monkeypatch):
    clip = make_clip(tmp_path / "in.mp4", 9, width=WIDTH)
    (tmp_path / "work").mkdir()
    (tmp_path / "states").mkdir()
    cuts = PowerCuts(tmp_path / "work", tmp_path / "states", monkeypatch)
    expected = contents_of_any(do(clip, tmp_path / "work" / "out.mp4").target)
    monkeypatch.undo()
    monkeypatch.setattr(run_clip, "SEGMENT_FRAMES", SEGMENT)
    count = 0
    for state in cuts.states(random.Random(0)):
        target = state / "out.mp4"
        if target.exists():
            assert contents_of_any(target) == expected
        do(clip, target, overwrite=True)
        assert contents_of_any(target) == expected
        assert list(state.iterdir()) == [target]
        count += 1
    assert count > 10


@pytest.mark.reliability(56)
def test_of_two_simultaneous_runs_exactly_one_writes_the_output(clip: Path, whole, tmp_path: Path):
    target = tmp_path / "out.mp4"
    runs = [child(clip, target) for _ in range(2)]
    ends = sorted(finish(process) for process in runs)
    assert [code for code, _ in ends] == [0, 4]
    assert "in use" in ends[1][1] or "exists already" in ends[1][1]
    assert contents(target) == whole[1]
    assert list(tmp_path.iterdir()) == [target]


def test_a_second_run_is_refused_and_does_not_disturb_the_first(clip: Path, whole, tmp_path: Path):
    target, refused = tmp_path / "out.mp4", []

    def meanwhile(progress: Progress) -> None:
        if progress.written == 20:
            with pytest.raises(OutputError, match="in use by another run") as caught:
                do(clip, target, restart=True, overwrite=True)
            refused.append(caught.value)

    run(InterpJob(source=clip, target=target), meanwhile, Blend())
    assert refused and contents(target) == whole[1]


def limited(size: int):
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.reliability(42)
def test_a_disk_that_is_full_at_the_end_keeps_the_finished_segments(clip: Path, whole, tmp_path: Path):
    target = tmp_path / "out.mp4"
    size = whole[0].target.stat().st_size
    code, err = finish(child(clip, target, preexec_fn=limited(size - 1)))
    assert code == 4 and "too large" in err and "40 frames are finished: the same command resumes" in err
    assert not target.exists() and not (folder_of(target) / "part").exists()
    code, err = finish(child(clip, target))
    assert code == 0 and contents(target) == whole[1]
    assert list(tmp_path.iterdir()) == [target]


def test_a_disk_that_is_full_from_the_start_leaves_no_file(clip: Path, tmp_path: Path):
    code, err = finish(child(clip, tmp_path / "out.mp4", preexec_fn=limited(1000)))
    assert code == 4 and "too large" in err, err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("choice", ["deinterlace", "progressive"])
def test_interlacing_that_is_found_late_keeps_the_segments_for_a_run_with_an_option_for_it(
    tmp_path: Path, monkeypatch, choice: str
):
    monkeypatch.setattr(sources, "find_fields", lambda info: None)  # the probe misses the interlaced part
    clip, target = make_mixed(tmp_path), tmp_path / "out.mp4"
    with pytest.raises(FieldsError, match="interlaced at frame 24") as caught:
        do(clip, target)
    assert "frames are finished: the same command with one of these options resumes" in caught.value.__notes__[0]
    assert len(segments(target)) >= 3
    summary = do(clip, target, **{choice: True})
    fresh = do(clip, tmp_path / "fresh.mp4", **{choice: True})
    assert summary.kept >= 3 * SEGMENT and summary.frames_in == fresh.frames_in == 49
    assert contents_of_any(target) == contents_of_any(tmp_path / "fresh.mp4")


def test_a_job_is_not_resumed_with_another_option_for_interlaced_frames(tmp_path: Path):
    clip, target = make_mixed(tmp_path), tmp_path / "out.mp4"
    interrupt(clip, target, 90, deinterlace=True)
    with pytest.raises(OutputError, match="fields was deinterlaced, now read as whole frames"):
        do(clip, target, progressive=True)
