"""Tests batch runs on folders with unusual files, and on names that clash or lead out of the folder."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.media import make_clip
from tests.reliability.media import numbers

case = pytest.mark.reliability


def relative_files(folder: Path) -> list[str]:
    """The relative paths of all regular files below `folder`, sorted."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@case(57)
@pytest.mark.slow
def test_a_folder_is_searched_once_and_unreadable_files_are_reported(vfi, tmp_path, monkeypatch):
    folder, out = tmp_path / "in", tmp_path / "in/out"
    (folder / "sub").mkdir(parents=True)
    make_clip(folder / "good.mp4", 4)
    make_clip(folder / "sub/deep.mkv", 4)
    (folder / "sub/loop").symlink_to(folder)
    (folder / "dangling.mp4").symlink_to("nowhere.mp4")
    os.mkfifo(folder / "pipe.mp4")
    monkeypatch.chdir(folder)  # the system limits the length of a socket's path
    socket.socket(socket.AF_UNIX).bind("socket.mp4")
    make_clip(folder / "closed.mp4", 4).chmod(0)
    (folder / "broken.mp4").write_bytes(b"no video")
    for number in range(10_000):
        (folder / "sub" / f"{number}.txt").touch()
    done = vfi("batch", folder, out, "--no-scene-detect", faults=["blend_workers"], timeout=120)
    assert done.code == 3, done
    for bad in ("dangling.mp4", "pipe.mp4", "socket.mp4", "closed.mp4", "broken.mp4"):
        assert bad in done.out + done.err
    assert relative_files(out) == ["good.mp4", "sub/deep.mp4"]
    assert numbers(out / "sub/deep.mp4")[::2] == list(range(4))
    again = vfi("batch", folder, out, "--no-scene-detect", faults=["blend_workers"], timeout=60)
    assert again.code == 3 and relative_files(out) == ["good.mp4", "sub/deep.mp4"]  # outputs are not taken as inputs


@case(58)
def test_two_clips_with_the_same_output_are_refused_before_work_begins(vfi, tmp_path, unchanged):
    (tmp_path / "in").mkdir()
    for name in ("a.mp4", "a.mkv"):
        make_clip(tmp_path / "in" / name, 4)
    with unchanged():
        done = vfi("batch", tmp_path / "in", tmp_path / "out", faults=["blend_workers"])
    assert done.code == 2 and "output of both" in done.err


@case(58)
@pytest.mark.parametrize("name", ["../x.mp4", "/etc/x.mp4", "sub/../../x.mp4"])
def test_a_list_cannot_name_files_outside_of_the_folder(vfi, tmp_path, unchanged, name):
    (tmp_path / "in/sub").mkdir(parents=True)
    make_clip(tmp_path / "x.mp4", 4)
    (tmp_path / "list").write_text(f"{name}\n")
    with unchanged():
        done = vfi("batch", tmp_path / "in", tmp_path / "out", "--list", tmp_path / "list", faults=["blend_workers"])
    assert done.code == 2 and "leads out" in done.err
