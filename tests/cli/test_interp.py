from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.blend import Blend
from tests.cli.test_app import run
from tests.media import make_clip, number_of
from tests.streams import make_rich
from tests.waiting import wait_until
from vfi_cli.cli import console
from vfi_cli.jobs.interp.summary import Progress

# `vfi` with a model that needs a moment for every frame.
SLOW = """
import sys, time, vfi_cli.jobs.interp.run_clip as job
from tests.blend import Blend
class Slow(Blend):
    def between(self, *arguments):
        time.sleep(0.05)
        return super().between(*arguments)
job.load_interpolator = lambda *_: Slow()
job.SEGMENT_FRAMES = int(sys.argv.pop(1))
from vfi_cli.cli.app import main
main()
"""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "in.mp4", 10)


@pytest.fixture(autouse=True)
def blend(monkeypatch) -> Blend:
    stub = Blend()
    monkeypatch.setattr("vfi_cli.jobs.interp.run_clip.load_interpolator", lambda *_: stub)
    return stub


def start(*arguments: str | Path, segment_frames: int = 250, first: str = "", **more) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", f"{first}\n{SLOW}", str(segment_frames), "interp", *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        **more,
    )


def test_the_summary_goes_to_stderr_and_json_to_stdout(monkeypatch, capsys, clip: Path, tmp_path: Path):
    code, out, err = run(monkeypatch, capsys, "interp", str(clip), "-o", str(tmp_path / "a.mp4"))
    assert (code, out) == (0, "") and "20 out" in err and "bottleneck" in err
    code, out, err = run(monkeypatch, capsys, "interp", str(clip), "-o", str(tmp_path / "b.mp4"), "--json", "-q")
    assert (code, err) == (0, "")
    assert json.loads(out)["frames_out"] == 20


def test_options_of_ffmpeg_are_read_as_ffmpeg_reads_them(monkeypatch, capsys, tmp_path: Path):
    clip, target = make_clip(tmp_path / "in.mp4", 10, audio="aac"), tmp_path / "out.mkv"
    options = "-c:v libx264 --crf 30 --preset ultrafast -e g=2 -e bf=0 -an -y -t 0.5 --ss 0.2 --pix-fmt yuv444p"
    code, _, err = run(monkeypatch, capsys, "interp", str(clip), "-o", str(target), *options.split())
    assert code == 0, err
    with av.open(str(target)) as container:
        assert not container.streams.audio and container.streams.video[0].pix_fmt == "yuv444p"
        assert [packet.is_keyframe for packet in container.demux(video=0) if packet.size] == [True, False] * 5


def test_repeats_are_replaced_on_request_and_counted(monkeypatch, capsys, tmp_path: Path):
    clip = make_clip(tmp_path / "in.mp4", 6, shown=[0, 0, 1, 1, 1, 2])
    arguments = ["interp", str(clip), "-o", str(tmp_path / "out.mp4"), "-y", "--no-scene-detect", "--json"]
    assert json.loads(run(monkeypatch, capsys, *arguments)[1])["replaced"] == 0
    _, out, err = run(monkeypatch, capsys, *arguments, "--dedup")
    assert json.loads(out)["replaced"] == 3 and "3 repeats replaced" in err
    _, out, _ = run(monkeypatch, capsys, *arguments, "--dedup", "--dedup-threshold", "8", "--dedup-max-span", "2")
    assert json.loads(out)["replaced"] == 1


@pytest.mark.parametrize(
    "options",
    ["--dedup-threshold 3", "--dedup-max-span 4", "--dedup --dedup-max-span 1", "--dedup --dedup-threshold -1"],
)
def test_options_about_repeats_that_make_no_sense_are_exit_code_2(monkeypatch, capsys, clip: Path, options: str):
    code, _, err = run(monkeypatch, capsys, "interp", str(clip), *options.split())
    assert code == 2 and "--dedup" in err


def test_pauses_are_counted_and_their_limit_can_be_set(monkeypatch, capsys, tmp_path: Path):
    times = [Fraction(k, 10) for k in (0, 1, 2, 3, 13, 14)]
    clip = make_clip(tmp_path / "in.mkv", 6, times=times, time_base=Fraction(1, 1000))
    arguments = ["interp", str(clip), "-o", str(tmp_path / "out.mp4"), "-y", "--json", "--fps", "20"]
    _, out, err = run(monkeypatch, capsys, *arguments)
    assert json.loads(out)["pauses"] == 1 and "1 pause held" in err
    _, out, err = run(monkeypatch, capsys, *arguments, "--max-gap", "0")
    assert json.loads(out)["pauses"] == 0 and "held" not in err
    code, _, err = run(monkeypatch, capsys, *arguments, "--max-gap", "-1")
    assert code == 2 and "--max-gap" in err


def test_everything_beside_the_picture_can_be_left_out(monkeypatch, capsys, tmp_path: Path):
    clip, target = make_rich(tmp_path / "in.mkv"), tmp_path / "out.mp4"
    options = "-an -sn -dn --no-chapters --no-metadata"
    code, _, err = run(monkeypatch, capsys, "interp", str(clip), "-o", str(target), *options.split())
    assert code == 0 and "left out" not in err and "no place" not in err
    with av.open(str(target)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert "title" not in container.metadata and container.streams[0].language == "jpn"


def test_a_mask_of_another_size_is_exit_code_2_before_a_frame_is_made(monkeypatch, capsys, clip: Path, blend: Blend):
    def mask(width: int, height: int) -> str:
        path = clip.with_name(f"{width}x{height}.png")
        path.write_bytes(cv2.imencode(".png", np.zeros((height, width), np.uint8))[1].tobytes())
        return str(path)

    code, _, err = run(monkeypatch, capsys, "interp", str(clip), "--mask", mask(63, 48))
    assert code == 2 and "63x48" in err and "64x48" in err and blend.prepared == 0
    assert run(monkeypatch, capsys, "interp", str(clip), "--mask", mask(64, 48))[0] == 0


def test_a_name_with_a_leading_dash_follows_two_dashes(monkeypatch, capsys, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "-in.mp4", 3)
    assert run(monkeypatch, capsys, "interp", "--", "-in.mp4")[0] == 0
    assert (tmp_path / "-in_20fps.mp4").exists()


def test_existing_output_is_exit_code_4(monkeypatch, capsys, clip: Path):
    code, _, err = run(monkeypatch, capsys, "interp", str(clip), "-o", str(clip.with_name("in.mp4")))
    assert code == 4 and err.count("\n") == 1


def test_damaged_input_is_exit_code_5_or_3_if_strict(monkeypatch, capsys, clip: Path, tmp_path: Path):
    from vfi_cli.video.read.reader import StreamReader

    monkeypatch.setattr(StreamReader, "__init__", damaged(StreamReader))
    arguments = ["interp", str(clip), "-o", str(tmp_path / "out.mp4")]
    code, _, err = run(monkeypatch, capsys, *arguments)
    assert code == 5 and "3 DAMAGED" in err
    code, _, err = run(monkeypatch, capsys, *arguments, "-y", "--strict")
    assert code == 3 and "3 frames are damaged" in err


def damaged(decoder):
    init = decoder.__init__

    def with_damage(self, *arguments):
        init(self, *arguments)
        self.damaged = 3

    return with_damage


SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.mark.parametrize("number, code", SIGNALS)
def test_a_signal_before_anything_is_finished_removes_what_was_begun(tmp_path: Path, number: signal.Signals, code: int):
    clip, target = make_clip(tmp_path / "in.mp4", 200), tmp_path / "out.mp4"
    process = start(clip, "-o", target)
    wait_until((tmp_path / ".out.mp4.vfi" / "000000.mkv").exists)
    process.send_signal(number)
    sent = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert time.monotonic() - sent < 2
    assert sorted(tmp_path.iterdir()) == [clip]
    assert "interrupted; nothing was kept" in err and "Traceback" not in err


@pytest.mark.parametrize("number, code", SIGNALS)
def test_after_a_signal_the_same_command_goes_on(tmp_path: Path, number: signal.Signals, code: int):
    clip, target = make_clip(tmp_path / "in.mp4", 60), tmp_path / "out.mp4"
    process = start(clip, "-o", target, segment_frames=10)
    wait_until((tmp_path / ".out.mp4.vfi" / "000002.mkv").exists)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert "20 frames are finished: the same command resumes the job" in err
    process = start(clip, "-o", target, segment_frames=10)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "20 from an interrupted run" in err
    assert sorted(tmp_path.iterdir()) == [clip, target]
    with av.open(str(target)) as container:
        assert [number_of(f.to_ndarray(format="gray")) for f in container.decode(video=0)][0::2] == list(range(60))


def test_a_second_signal_ends_it_at_once_and_what_is_slow_to_leave_is_left(tmp_path: Path):
    clip, target = make_clip(tmp_path / "in.mp4", 200), tmp_path / "out.mp4"
    stuck = "import time; from vfi_cli.video.write.encode import Encoder; Encoder.abort = lambda _: time.sleep(60)"
    for signals, codes in ((1, {130}), (2, {-signal.SIGINT, 130})):
        process = start(clip, "-o", target, first=stuck)
        wait_until((tmp_path / ".out.mp4.vfi" / "000000.mkv").exists)
        for _ in range(signals):
            process.send_signal(signal.SIGINT)
            sent = time.monotonic()
            time.sleep(0.3)
        _, err = process.communicate(timeout=30)
        assert process.returncode in codes, err
        assert time.monotonic() - sent < (2 if signals == 1 else 1)
        assert not target.exists()
        (tmp_path / ".out.mp4.vfi" / "000000.mkv").unlink()


def test_nobody_reading_the_messages_does_not_stop_the_work(clip: Path, tmp_path: Path):
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "250", "interp", clip, "-o", tmp_path / "out.mp4", "-v"],
        stderr=write,
        cwd=Path(__file__).parents[2],
    )
    os.close(write)
    process.wait(timeout=60)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [number_of(f.to_ndarray(format="gray")) for f in container.decode(video=0)][0::2] == list(range(10))
    assert process.returncode == 0


def test_off_a_terminal_progress_is_a_line_in_ten_seconds(monkeypatch, capsys):
    now = iter(range(0, 100, 4))
    monkeypatch.setattr(console.time, "monotonic", lambda: float(next(now)))
    bar = console.ProgressBar(quiet=False)
    for written in range(1, 9):
        bar(Progress(written, 2 * written, 100, float(written), (0.1, 0.4, 0.6, 0.9)))
    lines = capsys.readouterr().err.splitlines()
    assert 1 < len(lines) < 8
    assert "of about 100 frames" in lines[0] and "2.0 fps" in lines[0] and "50% of patches refined" in lines[0]


def test_on_a_terminal_progress_is_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with console.ProgressBar(quiet=False) as bar:
        bar(Progress(1, 50, 100, 1.0, (0.5,)))
        time.sleep(0.15)  # a bar is drawn ten times a second at most
        bar(Progress(2, 100, 100, 2.0, (0.5,)))
    assert "50% of patches refined" in capsys.readouterr().err


def test_quiet_is_quiet(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with console.ProgressBar(quiet=True) as bar:
        bar(Progress(1, 50, 100, 1.0, ()))
    assert capsys.readouterr().err == ""


def test_a_signal_ends_a_wait_for_a_pipe(tmp_path: Path):
    data = make_clip(tmp_path / "a.y4m", 10, codec="rawvideo", format="yuv4mpegpipe").read_bytes()
    process = start("-i", "-", "-o", tmp_path / "out.mp4", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.buffer.write(data)  # and no end
    process.stdin.flush()
    wait_until((tmp_path / ".out.mp4.vfi" / "part").exists, what="the start of the work")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["a.y4m"]
    process.stdin.close()


def test_progress_through_a_pipe_has_no_end(monkeypatch, capsys):
    assert console.describe(Progress(8, 16, 0, 8.0, ())) == "16 frames, 2.0 fps"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with console.ProgressBar(quiet=False) as bar:
        bar(Progress(1, 50, 0, 1.0, ()))
        time.sleep(0.15)
        bar(Progress(2, 100, 0, 2.0, ()))
    shown = capsys.readouterr().err
    assert "100frame" in shown and "%" not in shown
