"""Runs that are interrupted, stopped, or watch the clock jump."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.media import make_clip
from tests.reliability.media import numbers
from tests.waiting import wait_until

case = pytest.mark.reliability


def under_way(start, clip: Path, *faults: str):
    """A run that is in the middle of its work."""
    run = start("interp", clip, "-o", clip.with_name("out.mp4"), "--no-scene-detect", faults=faults)
    wait_until(lambda: "lite on" in run.errors(), what="the start of the work")
    time.sleep(0.3)
    return run


@pytest.fixture
def long(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "in.mp4", 100)


@case(44)
def test_an_interrupted_run_ends_within_two_seconds_and_leaves_nothing_in_the_way(start, vfi, long):
    run = under_way(start, long, "slow=0.1")
    run.send(signal.SIGINT)
    done = run.wait(2)
    assert done.code == 130 and "interrupted" in done.err, done
    assert not long.with_name("out.mp4").exists()
    again = vfi("interp", long, "-o", long.with_name("out.mp4"), "--no-scene-detect")
    assert again.code == 0 and numbers(long.with_name("out.mp4"))[::2] == list(range(100))
    assert sorted(path.name for path in long.parent.iterdir()) == ["in.mp4", "out.mp4"]


@case(44)
def test_a_second_interrupt_does_not_wait_for_what_is_stuck(start, long):
    run = under_way(start, long, "blend", "stuck=60")
    run.send(signal.SIGINT)
    time.sleep(0.5)
    run.send(signal.SIGINT)
    done = run.wait(2)
    assert done.code == -signal.SIGINT, done


@case(45)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_run_that_is_told_to_end_does_and_says_by_whom(start, long, number, code):
    run = under_way(start, long, "slow=0.1")
    run.send(number)
    done = run.wait(2)
    assert done.code == code and "interrupted" in done.err, done
    assert not long.with_name("out.mp4").exists()


@case(50)
def test_a_run_that_sleeps_for_a_while_goes_on(start, tmp_path):
    clip = make_clip(tmp_path / "in.mp4", 20)
    run = under_way(start, clip, "slow=0.05")
    run.send(signal.SIGSTOP)
    time.sleep(3)
    run.send(signal.SIGCONT)
    assert run.wait().code == 0 and numbers(tmp_path / "out.mp4")[::2] == list(range(20))


@case(50)
def test_a_clock_that_jumps_changes_nothing(vfi, clip):
    done = vfi("interp", clip, "-o", clip.with_name("out.mp4"), "--no-scene-detect", faults=["blend", "clock"])
    assert done.code == 0 and numbers(clip.with_name("out.mp4"))[::2] == list(range(10))
