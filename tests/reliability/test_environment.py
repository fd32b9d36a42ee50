"""Tests unusual environments, working folders and standard streams, and the memory of a long run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.media import make_clip
from tests.reliability.media import numbers

case = pytest.mark.reliability
ROOT = Path(__file__).parents[2]


def run_in_new_interpreter(
    arguments: list[str | Path], *, faults: str = "blend", environ: dict[str, str] | None = None, **options
):
    """Run `vfi` in a new interpreter. Its environment holds `environ` and what Python needs to start."""
    command = [sys.executable, "-m", "tests.reliability.program", faults, *map(str, arguments)]
    return subprocess.run(
        command,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", **(environ or {})},
        timeout=120,
        **{"capture_output": True, "cwd": ROOT, **options},
    )


@case(64)
@pytest.mark.parametrize(
    "environ",
    [
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        pytest.param({"TZ": "Mars/Olympus"}, marks=pytest.mark.slow),
        {"HOME": "/nonexistent", "TMPDIR": "/nonexistent", "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "0"},
    ],
    ids=["C locale", "unknown time zone", "no home, no folder for temporary files"],
)
def test_unusual_environment_variables_are_no_error(tmp_path, environ):
    clip = make_clip(tmp_path / "in.mp4", 3).rename(tmp_path / "é😀.mp4")
    done = run_in_new_interpreter(["interp", clip, "-o", tmp_path / "ü.mp4"], environ=environ)
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr
    assert len(numbers(tmp_path / "ü.mp4")) == 6


@case(64)
def test_a_working_folder_that_is_read_only_or_removed_is_no_error(vfi, start, tmp_path, clip):
    (tmp_path / "closed").mkdir(0o500)
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", cwd=tmp_path / "closed")
    assert done.code == 0, done
    gone = vfi("interp", clip, "-o", tmp_path / "gone.mp4", faults=["blend", "removed_folder"])
    assert gone.code == 0, gone
    relative = vfi("interp", "in.mp4", faults=["blend", "removed_folder"])
    assert relative.code == 3


@case(64)
def test_the_umask_applies_to_outputs(vfi, clip):
    done = vfi("interp", clip, "-o", clip.with_name("out.mp4"), faults=["blend", "umask"])
    assert done.code == 0 and clip.with_name("out.mp4").stat().st_mode & 0o777 == 0o600


@case(64)
@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_a_closed_standard_stream_is_no_error(vfi, clip, stream):
    done = vfi("interp", clip, "-o", clip.with_name("out.mp4"), faults=["blend", f"closed_stream={stream}"])
    assert done.code == 0, done
    assert sorted(path.name for path in clip.parent.iterdir()) == ["in.mp4", "out.mp4"]


@case(64)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_the_output_is_finished_if_nobody_reads_stdout_or_stderr(tmp_path, clip, stream):
    reading, writing = os.pipe()
    os.close(reading)
    out = tmp_path / "out.mp4"
    try:
        other = "stderr" if stream == "stdout" else "stdout"
        streams = {"capture_output": False, stream: writing, other: subprocess.PIPE}
        done = run_in_new_interpreter(["interp", clip, "-o", out, "--json"], **streams)
    finally:
        os.close(writing)
    assert b"Traceback" not in (done.stderr or b"")
    assert len(numbers(out)) == 20
    assert done.returncode in (0, 1)


@case(61)
@pytest.mark.slow
def test_memory_and_open_files_do_not_grow_with_the_length_of_the_clip(start, tmp_path, record_property):
    clip = make_clip(tmp_path / "in.mp4", 20_000, rate=60)
    run = start("interp", clip, "-o", tmp_path / "out.mp4", "--no-scene-detect", timeout=600)
    samples, done = [], threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            samples.append(memory_and_files(run.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    outcome = run.wait()
    done.set()
    watcher.join()
    assert outcome.code == 0, outcome
    middle = [sample for sample in samples[len(samples) // 4 : -len(samples) // 8 or None] if sample]
    memory, files = [sample[0] for sample in middle], [sample[1] for sample in middle]
    growth = sum(memory[-10:]) / 10 - sum(memory[:10]) / 10
    record_property("memory", f"{growth / 2**20:+.1f} MiB over the middle of 20,000 frames, {max(files)} files")
    assert growth < 16 * 2**20
    assert max(files) - min(files) <= 2


def memory_and_files(pid: int) -> tuple[int, int] | None:
    """The resident memory in bytes and the number of open files of a process; None if the process has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE"), len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
    except OSError:
        return None
