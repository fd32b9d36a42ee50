"""Jobs that were interrupted and are started again; many more, at every moment, in tests/jobs/interp/test_resume.py."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.media import make_clip
from tests.reliability.media import numbers, pictures
from tests.waiting import wait_until

case = pytest.mark.reliability
PIECES = "pieces=16"


@pytest.fixture
def begun(start, tmp_path: Path) -> tuple[Path, Path]:
    """A clip, and the output of a job that was interrupted after its first pieces."""
    clip, target = make_clip(tmp_path / "in.mp4", 60), tmp_path / "out.mp4"
    run = start("interp", clip, "-o", target, "--no-scene-detect", faults=["slow=0.05", PIECES])
    wait_until(lambda: len(pieces(tmp_path)) >= 3, what="a third piece")
    run.send(signal.SIGINT)
    assert run.wait(5).code == 130
    assert pieces(tmp_path) and not target.exists()
    return clip, target


def pieces(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.mkv") if path.parent != folder)


@case(44)
def test_an_interrupted_job_goes_on_and_ends_as_if_nothing_had_been(vfi, begun, tmp_path):
    clip, target = begun
    done = vfi("interp", clip, "-o", target, "--no-scene-detect", faults=["blend", PIECES])
    assert done.code == 0 and "resuming after" in done.err, done
    whole = tmp_path / "whole.mp4"
    assert vfi("interp", clip, "-o", whole, "--no-scene-detect", faults=["blend", PIECES]).code == 0
    assert numbers(target)[::2] == list(range(60)) and pictures(target) == pictures(whole)
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "out.mp4", "whole.mp4"}


@case(48)
@pytest.mark.parametrize("change", ["options", "input"])
def test_an_interrupted_job_is_not_gone_on_with_as_another_one(vfi, begun, unchanged, change):
    clip, target = begun
    if change == "input":
        make_clip(clip, 61)
    options = ["--crf", "30"] if change == "options" else []
    with unchanged():
        done = vfi("interp", clip, "-o", target, "--no-scene-detect", *options, faults=["blend", PIECES])
    assert done.code == 4 and "job differs" in done.err and "--restart" in done.err, done


@case(49)
@pytest.mark.parametrize("damage", ["cut", "gone", "flipped"])
def test_a_piece_that_is_damaged_is_made_again(vfi, begun, damage):
    clip, target = begun
    piece = pieces(target.parent)[0]
    data = bytearray(piece.read_bytes())
    piece.unlink()
    if damage == "cut":
        piece.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        data[len(data) // 2] ^= 1
        piece.write_bytes(data)
    done = vfi("interp", clip, "-o", target, "--no-scene-detect", faults=["blend", PIECES])
    assert done.code == 0 and numbers(target)[::2] == list(range(60)), done
