"""Tests signals, and jumps of the system clock."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.media import make_clip
from tests.reliability.media import numbers
from tests.waiting import wait_until

case = pytest.mark.reliability


def start_run(start, clip: Path, *faults: str):
    """Start a run, and return it when it is computing frames."""
    run = start("interp", clip, "-o", clip.with_name("out.mp4"), "--no-scene-detect", faults=faults)
    wait_until(lambda: "lite on" in run.errors(), what="the start of the work")
    time.sleep(0.3)
    return run


@pytest.fixture
def long_clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "in.mp4", 100)


@case(44)
def test_an_interrupted_run_ends_within_two_seconds_and_the_next_run_succeeds(start, vfi, long_clip):
    run = start_run(start, long_clip, "slow=0.1")
    run.send(signal.SIGINT)
    done = run.wait(2)
    assert done.code == 130 and "interrupted" in done.err, done
    assert not long_clip.with_name("out.mp4").exists()
    again = vfi("interp", long_clip, "-o", long_clip.with_name("out.mp4"), "--no-scene-detect")
    assert again.code == 0 and numbers(long_clip.with_name("out.mp4"))[::2] == list(range(100))
    assert sorted(path.name for path in long_clip.parent.iterdir()) == ["in.mp4", "out.mp4"]


@case(44)
def test_a_second_interrupt_ends_a_run_that_is_stuck(start, long_clip):
    run = start_run(start, long_clip, "blend", "stuck_encoder=60")
    run.send(signal.SIGINT)
    time.sleep(0.5)
    run.send(signal.SIGINT)
    done = run.wait(2)
    assert done.code == -signal.SIGINT, done


@case(45)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_run_ended_by_sigterm_or_sighup_exits_with_the_code_of_the_signal(start, long_clip, number, code):
    run = start_run(start, long_clip, "slow=0.1")
    run.send(number)
    done = run.wait(2)
    assert done.code == code and "interrupted" in done.err, done
    assert not long_clip.with_name("out.mp4").exists()


@case(50)
def test_a_stopped_run_continues_after_sigcont(start, tmp_path):
    clip = make_clip(tmp_path / "in.mp4", 20)
    run = start_run(start, clip, "slow=0.05")
    run.send(signal.SIGSTOP)
    time.sleep(3)
    run.send(signal.SIGCONT)
    assert run.wait().code == 0 and numbers(tmp_path / "out.mp4")[::2] == list(range(20))


@case(50)
def test_jumps_of_the_system_clock_change_nothing(vfi, clip):
    done = vfi("interp", clip, "-o", clip.with_name("out.mp4"), "--no-scene-detect", faults=["blend", "jumping_clock"])
    assert done.code == 0 and numbers(clip.with_name("out.mp4"))[::2] == list(range(10))
