"""Folders with everything in them that is no plain video, and names that clash or lead elsewhere."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.media import make_clip
from tests.reliability.media import numbers

case = pytest.mark.reliability


def names(folder: Path) -> list[str]:
    """Every file below a folder that can be opened as one."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@case(57)
@pytest.mark.slow
def test_an_odd_folder_is_gone_through_once_and_what_is_bad_in_it_is_named(vfi, tmp_path, monkeypatch):
    folder, out = tmp_path / "in", tmp_path / "in/out"
    (folder / "sub").mkdir(parents=True)
    make_clip(folder / "good.mp4", 4)
    make_clip(folder / "sub/deep.mkv", 4)
    (folder / "sub/loop").symlink_to(folder)
    (folder / "dangling.mp4").symlink_to("nowhere.mp4")
    os.mkfifo(folder / "pipe.mp4")
    monkeypatch.chdir(folder)  # the path of a socket is short
    socket.socket(socket.AF_UNIX).bind("socket.mp4")
    make_clip(folder / "closed.mp4", 4).chmod(0)
    (folder / "broken.mp4").write_bytes(b"no video")
    for number in range(10_000):
        (folder / "sub" / f"{number}.txt").touch()
    done = vfi("batch", folder, out, "--no-scene-detect", faults=["pool"], timeout=120)
    assert done.code == 3, done
    for bad in ("dangling.mp4", "pipe.mp4", "socket.mp4", "closed.mp4", "broken.mp4"):
        assert bad in done.out + done.err
    assert names(out) == ["good.mp4", "sub/deep.mp4"]
    assert numbers(out / "sub/deep.mp4")[::2] == list(range(4))
    again = vfi("batch", folder, out, "--no-scene-detect", faults=["pool"], timeout=60)
    assert again.code == 3 and names(out) == ["good.mp4", "sub/deep.mp4"]  # its own outputs are no inputs


@case(58)
def test_two_clips_with_one_output_are_refused_before_any_is_made(vfi, tmp_path, unchanged):
    (tmp_path / "in").mkdir()
    for name in ("a.mp4", "a.mkv"):
        make_clip(tmp_path / "in" / name, 4)
    with unchanged():
        done = vfi("batch", tmp_path / "in", tmp_path / "out", faults=["pool"])
    assert done.code == 2 and "output of both" in done.err


@case(58)
@pytest.mark.parametrize("name", ["../x.mp4", "/etc/x.mp4", "sub/../../x.mp4"])
def test_a_list_leads_nowhere_else(vfi, tmp_path, unchanged, name):
    (tmp_path / "in/sub").mkdir(parents=True)
    make_clip(tmp_path / "x.mp4", 4)
    (tmp_path / "list").write_text(f"{name}\n")
    with unchanged():
        done = vfi("batch", tmp_path / "in", tmp_path / "out", "--list", tmp_path / "list", faults=["pool"])
    assert done.code == 2 and "leads out" in done.err
