"""Tests that interrupted jobs resume. tests/jobs/interp/test_resume.py interrupts them at many more moments."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.media import make_clip
from tests.reliability.media import frame_hashes, numbers
from tests.waiting import wait_until

case = pytest.mark.reliability
SEGMENTS = "segment_frames=16"


@pytest.fixture
def interrupted(start, tmp_path: Path) -> tuple[Path, Path]:
    """A clip, and the output path of a job that was interrupted after its first segments."""
    clip, target = make_clip(tmp_path / "in.mp4", 60), tmp_path / "out.mp4"
    run = start("interp", clip, "-o", target, "--no-scene-detect", faults=["slow=0.05", SEGMENTS])
    wait_until(lambda: len(segments(tmp_path)) >= 3, what="a third segment")
    run.send(signal.SIGINT)
    assert run.wait(5).code == 130
    assert segments(tmp_path) and not target.exists()
    return clip, target


def segments(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.mkv") if path.parent != folder)


@case(44)
def test_a_resumed_job_gives_the_same_output_as_an_uninterrupted_one(vfi, interrupted, tmp_path):
    clip, target = interrupted
    done = vfi("interp", clip, "-o", target, "--no-scene-detect", faults=["blend", SEGMENTS])
    assert done.code == 0 and "resuming after" in done.err, done
    whole = tmp_path / "whole.mp4"
    assert vfi("interp", clip, "-o", whole, "--no-scene-detect", faults=["blend", SEGMENTS]).code == 0
    assert numbers(target)[::2] == list(range(60)) and frame_hashes(target) == frame_hashes(whole)
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "out.mp4", "whole.mp4"}


@case(48)
@pytest.mark.parametrize("change", ["options", "input"])
def test_a_job_with_other_options_or_another_source_does_not_resume(vfi, interrupted, unchanged, change):
    clip, target = interrupted
    if change == "input":
        make_clip(clip, 61)
    options = ["--crf", "30"] if change == "options" else []
    with unchanged():
        done = vfi("interp", clip, "-o", target, "--no-scene-detect", *options, faults=["blend", SEGMENTS])
    assert done.code == 4 and "job differs" in done.err and "--restart" in done.err, done


@case(49)
@pytest.mark.parametrize("damage", ["cut", "gone", "flipped"])
def test_a_damaged_segment_is_made_again(vfi, interrupted, damage):
    clip, target = interrupted
    segment = segments(target.parent)[0]
    data = bytearray(segment.read_bytes())
    segment.unlink()
    if damage == "cut":
        segment.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        data[len(data) // 2] ^= 1
        segment.write_bytes(data)
    done = vfi("interp", clip, "-o", target, "--no-scene-detect", faults=["blend", SEGMENTS])
    assert done.code == 0 and numbers(target)[::2] == list(range(60)), done
