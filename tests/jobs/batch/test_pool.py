from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest

from tests import pools
from tests.media import make_clip
from tests.waiting import wait_until
from vfi_cli.errors import DeviceError, InputError, VfiError
from vfi_cli.jobs.batch.pool import GRACE, WorkerPool
from vfi_cli.jobs.interp.plan import InterpJob
from vfi_cli.jobs.interp.summary import Progress, Summary

WHITE, GREY = 235, 126


def filled(path: Path, luma: int) -> Path:
    return make_clip(path, 3, planes=[np.full((48, 64), luma, np.uint8)])


def job(source: Path, target: Path) -> InterpJob:
    return InterpJob(source=source, target=target, scene_threshold=None)


def do(pool: WorkerPool, jobs: list[InterpJob]) -> dict[int, Summary | VfiError]:
    return {number: event for number, event in pool.run(jobs) if not isinstance(event, Progress)}


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    assert active_children() == []


def test_a_clip_that_kills_its_worker_fails_and_the_other_clips_are_done(tmp_path: Path, caplog):
    caplog.set_level(logging.INFO)
    sources = [
        make_clip(tmp_path / "a.mp4", 3),
        filled(tmp_path / "b.mp4", WHITE),
        tmp_path / "missing.mp4",
        filled(tmp_path / "c.mp4", GREY),
        make_clip(tmp_path / "d.mp4", 4),
    ]
    jobs = [job(source, tmp_path / "out/sub" / source.name) for source in sources]
    with WorkerPool(jobs[0], ["cpu", "cpu"], pools.deadly) as pool:
        events = do(pool, jobs)
    assert [type(events[number]) for number in range(5)] == [Summary, DeviceError, InputError, VfiError, Summary]
    assert "killed" in str(events[1]) and "--workers" in str(events[1])
    assert "no such file" in str(events[2]) and "ValueError: grey" in str(events[3])
    assert [events[number].frames_out for number in (0, 4)] == [6, 8]
    assert {path.name for path in (tmp_path / "out/sub").iterdir()} >= {"a.mp4", "d.mp4"}
    assert "bt601 is assumed" in caplog.text and "lite on CPU, 1 thread" in caplog.text


def test_a_missing_device_is_an_error_before_any_clip(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("vfi_cli.jobs.batch.pool.available_cpus", lambda: 7)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    for at_most in (None, 1):  # two workers share the CPUs, even if only one is started
        with pytest.raises(DeviceError, match=r"no cuda:\d for 3 threads"):
            WorkerPool(InterpJob(source=tmp_path), ["cuda:7", "cuda:8"], pools.no_device, at_most=at_most)
    assert os.environ["OMP_NUM_THREADS"] == "5"


def test_if_a_device_is_lost_the_remaining_clips_fail(tmp_path: Path):
    jobs = [job(filled(tmp_path / f"{name}.mp4", WHITE), tmp_path / f"{name}_out.mp4") for name in "abc"]
    with WorkerPool(InterpJob(source=tmp_path), ["cpu"], pools.only_once) as pool:
        events = do(pool, jobs)
    assert "killed" in str(events[0])
    assert [str(events[number]) for number in (1, 2)] == ["the device is gone"] * 2


def test_the_pool_stops_within_the_grace_time_and_leaves_no_partial_output(tmp_path: Path):
    target = tmp_path / "out.mp4"
    with WorkerPool(InterpJob(source=tmp_path), ["cpu"], pools.slow) as pool:
        next(iter(pool.run([job(make_clip(tmp_path / "in.mp4", 200), target)])))
        begin = time.monotonic()
    assert time.monotonic() - begin < GRACE + 0.5
    assert not target.exists()


# A parent process that is killed while its worker has a job.
PARENT = """
import sys
from multiprocessing import active_children
from pathlib import Path
from tests import pools
from vfi_cli.jobs.batch.pool import WorkerPool
from vfi_cli.jobs.interp.plan import InterpJob
job = InterpJob(source=Path(sys.argv[1]), target=Path(sys.argv[2]))
pool = WorkerPool(job, ["cpu"], pools.slow)
print(active_children()[0].pid, flush=True)
for _ in pool.run([job]):
    pass
"""


def test_a_worker_ends_if_its_parent_is_killed(tmp_path: Path):
    clip = make_clip(tmp_path / "in.mp4", 250)
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, clip, tmp_path / "out.mp4"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not Path(f"/proc/{worker}").exists(), seconds=20, what="the end of the worker")
    assert not (tmp_path / "out.mp4").exists()
