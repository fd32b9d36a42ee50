from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests import pools
from tests.cli.test_app import run
from tests.media import make_clip
from tests.waiting import wait_until
from vfi_cli.cli.batch import worker_devices
from vfi_cli.errors import UsageError
from vfi_cli.jobs.batch import pool

# `vfi` with a model that needs a moment for every frame.
SLOW = """
from vfi_cli.jobs.batch import pool
from tests import pools
pool.WorkerPool.__init__.__defaults__ = (pools.slow,)
from vfi_cli.cli.app import main
main()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in/sub").mkdir(parents=True)
    make_clip(tmp_path / "in/a.mp4", 4)
    make_clip(tmp_path / "in/sub/[b].mkv", 4)
    return tmp_path / "in"


@pytest.fixture
def blend(monkeypatch) -> None:
    monkeypatch.setattr(pool.WorkerPool.__init__, "__defaults__", (pools.blend,))


def batch(monkeypatch, capsys, *arguments: str | Path) -> tuple[int, str, str]:
    return run(monkeypatch, capsys, "batch", *map(str, arguments))


@pytest.mark.usefixtures("blend")
def test_a_table_tells_what_became_of_every_file_and_the_exit_code_is_the_worst(
    monkeypatch, capsys, folder: Path, tmp_path: Path
):
    (folder / "bad\n.mp4").write_text("hi")
    code, out, err = batch(monkeypatch, capsys, folder, tmp_path / "out", "--fps", "20", "--container", "mkv")
    assert (code, out) == (3, "")
    assert (tmp_path / "out/sub/[b].mkv").exists()
    table = err[err.index("frames  time") :].splitlines()
    assert [line.split()[:4] for line in table if "done" in line][:2] == [
        ["8", "0:00", "done", "a.mp4"],
        ["8", "0:00", "done", "sub/[b].mkv"],
    ]
    assert any("failed" in line and r"bad\n.mp4" in line and "not a readable video" in line for line in table)
    assert table[-1].startswith("2 done, 1 failed")

    code, out, err = batch(monkeypatch, capsys, folder, tmp_path / "out", "--container", "mkv", "--json", "-q")
    assert (code, err) == (3, "")
    states = {one["source"]: one["state"] for one in json.loads(out)["files"]}
    assert states == {"a.mp4": "finished before", "sub/[b].mkv": "finished before", "bad\n.mp4": "failed"}


def test_nothing_left_to_do_starts_no_worker(monkeypatch, capsys, folder: Path, tmp_path: Path):
    (tmp_path / "out/sub").mkdir(parents=True)
    for name in ("a", "sub/[b]"):
        make_clip(tmp_path / f"out/{name}.mp4", 8, rate=20)
    monkeypatch.setattr(pool, "WorkerPool", None)
    code, _, err = batch(monkeypatch, capsys, folder, tmp_path / "out")
    assert code == 0 and "2 finished before" in err


def test_a_dry_run_names_properties_that_the_outputs_do_not_keep(monkeypatch, capsys, tmp_path: Path):
    (tmp_path / "in").mkdir()
    make_clip(tmp_path / "in" / "a.mp4", 4, options={"x264-params": "frame-packing=3"})
    monkeypatch.setattr("vfi_cli.jobs.batch.estimate.seconds_per_pixel", lambda *_: 0.01)
    _, _, err = batch(monkeypatch, capsys, tmp_path / "in", tmp_path / "out", "--dry-run")
    assert "a.mp4: the mark of stereo 3D video is lost" in err


def test_a_dry_run_tells_what_would_be_done_and_writes_nothing(monkeypatch, capsys, folder: Path, tmp_path: Path):
    (folder / "bad.mp4").write_text("hi")
    monkeypatch.setattr("vfi_cli.jobs.batch.estimate.seconds_per_pixel", lambda *_: 0.01)
    code, out, _ = batch(monkeypatch, capsys, folder, tmp_path / "out", "--dry-run")
    assert code == 3 and not (tmp_path / "out").exists()
    assert "0:02:03" not in out and "2:03" in out  # 4 frames of 64x48 at 0.01 s
    assert "bad.mp4" in out and "about 4:06 for the network" in out and "factor" in out and "free" in out
    code, out, _ = batch(monkeypatch, capsys, folder, tmp_path / "out", "--dry-run", "--json", "--devices", "0,1")
    plan = json.loads(out)
    assert [one["generated"] for one in plan["todo"]] == [4, 4]
    assert plan["network_seconds"] == pytest.approx(sum(one["network_seconds"] for one in plan["todo"]) / 2)
    assert plan["bytes"] > 0 and plan["free_bytes"] > 0 and plan["exit_code"] == code == 3


@pytest.mark.usefixtures("blend")
def test_little_room_is_a_warning_before_the_work(monkeypatch, capsys, folder: Path, tmp_path: Path):
    monkeypatch.setattr("vfi_cli.jobs.batch.estimate.free_bytes", lambda _: 10)
    code, _, err = batch(monkeypatch, capsys, folder, tmp_path / "out")
    assert code == 0
    assert "only 10 bytes are free" in err.splitlines()[0]


@pytest.mark.parametrize("name", ["../a.mp4", "/a.mp4"])
def test_a_list_that_leads_out_of_the_folder_is_a_wrong_request(
    monkeypatch, capsys, folder: Path, tmp_path: Path, name: str
):
    (tmp_path / "list").write_text(f"a.mp4\n{name}\n")
    code, _, err = batch(monkeypatch, capsys, folder, tmp_path / "out", "--list", tmp_path / "list")
    assert code == 2 and "leads out" in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_collision_is_a_wrong_request(monkeypatch, capsys, folder: Path, tmp_path: Path):
    make_clip(folder / "a.mkv", 4)
    code, _, err = batch(monkeypatch, capsys, folder, tmp_path / "out")
    assert code == 2 and "output of both" in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_every_worker_has_its_device():
    assert worker_devices(None, None, "auto") == ("auto",)
    assert worker_devices(3, None, "cpu") == ("cpu",) * 3
    assert worker_devices(None, "0,1, cuda:2", "auto") == ("cuda:0", "cuda:1", "cuda:2")


@pytest.mark.parametrize("wrong", [(0, None, "auto"), (2, "0,1", "auto"), (None, "0,1", "cuda")])
def test_devices_that_make_no_sense_are_refused(wrong: tuple):
    with pytest.raises(UsageError):
        worker_devices(*wrong)


def workers_of(group: int) -> list[int]:
    """The processes of a group, but its leader, that run Python code given by `multiprocessing` and have not ended."""
    alive = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z" and b"spawn_main" in (path.parent / "cmdline").read_bytes():
                alive.append(int(path.parent.name))
    return alive


def test_ctrl_c_ends_all_workers_in_two_seconds_and_the_same_command_goes_on(tmp_path: Path, monkeypatch, capsys):
    """The terminal sends the signal to the whole process group."""
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    make_clip(folder / "a.mp4", 4)
    for name in "bc":
        make_clip(folder / f"{name}.mp4", 250)
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "batch", folder, out, "--workers", "2", "--no-scene-detect"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    finished, at_work = out / "a.mp4", out / ".a.mp4.vfi"
    wait_until(lambda: finished.exists() and not at_work.exists(), what="the first clip")
    begin = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - begin < 2
    assert workers_of(process.pid) == []
    assert process.returncode == 130, err
    assert "Traceback" not in err and "same command" in err
    assert [path.name for path in out.iterdir() if path.suffix == ".mp4"] == ["a.mp4"]

    monkeypatch.setattr(pool.WorkerPool.__init__, "__defaults__", (pools.blend,))
    code, _, err = batch(monkeypatch, capsys, folder, out, "--workers", "2", "--no-scene-detect")
    assert code == 0 and "2 done, 1 finished before" in err
    assert sorted(path.name for path in out.iterdir()) == ["a.mp4", "b.mp4", "c.mp4"]
