"""Tests file names, folders, permissions, full disks and concurrent runs."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.media import make_clip
from tests.reliability.media import numbers
from tests.waiting import wait_until
from vfi_cli.video.read.probe import probe

case = pytest.mark.reliability

NAMES = {
    "spaces": " a  b .mp4",
    "quotes": "'a' \"b\" `c`.mp4",
    "emoji": "😀.mp4",
    "newline": "a\nb.mp4",
    "dash": "-y.mp4",
    "pattern": "a%03d*[0-9]?.mp4",
    "colon": "file:a,b|c.mp4",
    "bytes": os.fsdecode(b"a\xff\xfe.mp4"),
    "escape": "a\x1b[31m.mp4",
    "255 bytes": "x" * 251 + ".mp4",
    "255 bytes in UTF-8": "é" * 125 + "a.mp4",
}


@case(35)
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_special_characters_in_file_names_have_no_meaning(vfi, tmp_path, name):
    (tmp_path / "out").mkdir()
    clip = make_clip(tmp_path / "plain.mp4", 2).rename(tmp_path / name)
    done = vfi("interp", "--", clip.name, cwd=tmp_path) if len(os.fsencode(name)) < 200 else None
    given = vfi("interp", "-o", f"out/{name}", "--", clip.name, cwd=tmp_path)
    assert given.code == 0 and [path.name for path in (tmp_path / "out").iterdir()] == [name], given
    assert numbers(tmp_path / "out" / name)[::2] == [0, 1]
    assert "\x1b" not in given.err  # no escape sequence reaches the terminal
    if done is not None:
        beside = clip.with_name(clip.stem + "_20fps.mp4")
        assert done.code == 0 and {path.name for path in tmp_path.iterdir()} == {name, beside.name, "out"}


@case(35)
@pytest.mark.parametrize("length", [256, 5000])
def test_an_output_name_that_is_too_long_is_refused(vfi, clip, unchanged, length):
    with unchanged():
        done = vfi("interp", clip, "-o", clip.with_name("x" * (length - 4) + ".mp4"))
    assert done.code == 4 and "too long" in done.err


@case(35)
@pytest.mark.parametrize("name", ["x" * 252 + ".mp4", "x" * 5000, "closed/in.mp4"], ids=["256", "5000", "closed"])
def test_an_input_path_that_cannot_be_accessed_is_refused(vfi, tmp_path, unchanged, name):
    (tmp_path / "closed").mkdir(0o600)
    with unchanged():
        done = vfi("interp", tmp_path / name, "-o", tmp_path / "out.mp4")
    assert done.code == 3 and ("too long" in done.err or "denied" in done.err), done


@case(38)
@pytest.mark.parametrize("folder", ["read-only", "missing", "a file", "closed"])
def test_an_output_folder_without_write_permission_is_refused_before_decoding(vfi, clip, unchanged, folder):
    place = clip.with_name("folder")
    if folder == "a file":
        place.write_text("precious")
    elif folder != "missing":
        place.mkdir(0o500 if folder == "read-only" else 0o600)
    with unchanged():
        # With this fault, a run that begins to decode exits with 6.
        done = vfi("interp", clip, "-o", place / "out.mp4", faults=["out_of_memory=0"])
    assert done.code == 4, done


@case(39)
@pytest.mark.parametrize("alias", ["same", "dotted", "hard link", "link", "linked folder"])
def test_the_source_is_never_overwritten(vfi, clip, unchanged, alias):
    target = clip.with_name("alias.mp4")
    if alias == "same":
        target = clip
    elif alias == "dotted":
        target = clip.parent / ".." / clip.parent.name / clip.name
    elif alias == "hard link":
        os.link(clip, target)
    elif alias == "link":
        target.symlink_to(clip)
    else:
        (clip.parent / "linked").symlink_to(clip.parent)
        target = clip.parent / "linked" / clip.name
    with unchanged():
        done = vfi("interp", clip, "-o", target, "-y")
    assert done.code == 4, done


@case(40)
def test_an_existing_output_is_not_changed(vfi, clip, unchanged):
    clip.with_name("out.mp4").write_text("precious")
    with unchanged():
        done = vfi("interp", clip, "-o", clip.with_name("out.mp4"))
    assert done.code == 4 and "-y" in done.err


@case(40)
def test_a_failed_run_does_not_change_the_file_that_it_was_to_replace(vfi, clip, unchanged):
    clip.with_name("out.mp4").write_text("precious")
    with unchanged():
        done = vfi("interp", clip, "-o", clip.with_name("out.mp4"), "-y", faults=["out_of_memory=3"])
    assert done.code == 6


@case(41)
@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe", "/dev/full", "/dev/null"])
@pytest.mark.parametrize("options", [(), ("-y",)], ids=["keep", "overwrite"])
def test_an_output_path_that_is_not_a_regular_file_is_refused(vfi, clip, unchanged, kind, options):
    target = clip.with_name("out.mp4")
    if kind == "link":
        clip.with_name("real.mp4").write_text("precious")
        target.symlink_to(clip.with_name("real.mp4"))
    elif kind == "dangling link":
        target.symlink_to(clip.with_name("none.mp4"))
    elif kind == "folder":
        target.mkdir()
    elif kind == "pipe":
        os.mkfifo(target)
    else:
        target = Path(kind)
    with unchanged():
        done = vfi("interp", clip, "-o", target, *options)
    assert done.code in ((4,) if target.suffix else (2, 4)), done


@case(42)
@pytest.mark.parametrize("limit", [3_000, 8_000])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_is_an_error_that_leaves_no_files(vfi, tmp_path, unchanged, limit, suffix):
    clip = make_noise_clip(tmp_path / "in.mp4", 30)
    with unchanged():
        done = vfi("interp", clip, "-o", tmp_path / f"out{suffix}", faults=["blend", f"file_size={limit}"])
    assert done.code == 4 and "too large" in done.err, done


@case(43)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_disk_that_is_full_at_the_trailer_is_an_error(vfi, tmp_path, suffix):
    """Finished segments may stay. The same command makes the file once there is space."""
    clip, target = make_noise_clip(tmp_path / "in.mp4", 4), tmp_path / f"out{suffix}"
    assert vfi("interp", clip, "-o", tmp_path / f"whole{suffix}", faults=["blend"]).code == 0
    size = (tmp_path / f"whole{suffix}").stat().st_size
    full = vfi("interp", clip, "-o", target, faults=["blend", f"file_size={size - 10}"])
    assert full.code == 4 and not target.exists(), full
    kept = tmp_path / f".out{suffix}.vfi"
    assert kept.exists() == ("the same command resumes the job" in full.err)
    done = vfi("interp", clip, "-o", target, faults=["blend"])
    assert done.code == 0 and not kept.exists(), done


@case(47)
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_during_the_final_rename_leaves_the_old_file_or_the_new_one(vfi, clip, moment, old):
    target = clip.with_name("out.mp4")
    if old:
        target.write_text("precious")
    options = ["-y"] if old else []
    done = vfi("interp", clip, "-o", target, *options, faults=["blend", f"killed_at_commit={moment}"])
    assert done.code == -signal.SIGKILL
    if moment == "after":
        assert probe(target).frame_count == 20
    else:
        assert target.read_text() == "precious" if old else not target.exists()


@case(56)
def test_of_two_runs_with_one_output_file_one_succeeds_and_the_other_is_refused(start, clip):
    target = clip.with_name("out.mp4")
    runs = [start("interp", clip, "-o", target, "--no-scene-detect", faults=["slow=0.1"]) for _ in range(2)]
    done = sorted((run.wait() for run in runs), key=lambda outcome: outcome.code)
    assert [outcome.code for outcome in done] == [0, 4], done
    assert "in use" in done[1].err
    assert numbers(target)[::2] == list(range(10))
    assert {path.name for path in clip.parent.iterdir()} == {"in.mp4", "out.mp4"}


@case(56)
def test_of_two_runs_with_one_output_folder_one_succeeds_and_the_other_is_refused(start, clip):
    target = clip.with_name("out")
    runs = [start("interp", clip, "-o", f"{target}/", "--no-scene-detect", faults=["slow=0.1"]) for _ in range(2)]
    done = sorted((run.wait() for run in runs), key=lambda outcome: outcome.code)
    assert [outcome.code for outcome in done] == [0, 4], done
    assert "in use" in done[1].err
    assert len(list(target.iterdir())) == 20
    assert {path.name for path in clip.parent.iterdir()} == {"in.mp4", "out"}


@case(56)
@pytest.mark.parametrize("old", [False, True])
def test_a_killed_run_with_an_output_folder_does_not_block_the_next_run(start, vfi, clip, old):
    target, options = clip.with_name("out"), ["-y"] if old else []
    if old:
        target.mkdir()
        (target / "000001.png").write_text("precious")
    run = start("interp", clip, "-o", f"{target}/", "--no-scene-detect", *options, faults=["slow=0.3"])
    wait_until(lambda: any(clip.parent.glob(".out.vfi/*/*.png")), what="a first image")
    run.send(signal.SIGKILL)
    assert run.wait().code == -signal.SIGKILL
    assert [path.read_text() for path in target.glob("*")] == ["precious"] * old
    done = vfi("interp", clip, "-o", f"{target}/", *options, faults=["blend"])
    assert done.code == 0 and len(list(target.iterdir())) == 20, done
    assert {path.name for path in clip.parent.iterdir()} == {"in.mp4", "out"}


def make_noise_clip(path: Path, frames: int) -> Path:
    """Write a clip of noise, which compresses badly."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 128), dtype=np.uint8)
    return make_clip(path, frames, width=128, height=96, planes=[noise], options={"g": "1"})
