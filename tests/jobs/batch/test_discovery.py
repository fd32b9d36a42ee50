from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.media import make_clip
from tests.pictures import Tile, write_apng, write_webp
from vfi_cli.errors import InputError, UsageError
from vfi_cli.jobs.batch.discovery import find_videos, listed_videos, read_list
from vfi_cli.jobs.interp.plan import InterpJob, make_plan, source_stem


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(folder: Path, *arguments, **options) -> list[str]:
    return [str(found.name) for found in find_videos(folder, *arguments, **options)]


def test_the_folders_are_searched_in_natural_order(tmp_path: Path):
    touch(tmp_path, "10.mp4", "9.MKV", "b/2.mov", "b/10.mov", "notes.txt", "cover.jpg", "a.mp4.part")
    assert names(tmp_path) == ["9.MKV", "10.mp4", "b/2.mov", "b/10.mov"]


def test_animations_are_videos_and_still_images_are_not(tmp_path: Path):
    touch(tmp_path, "a.gif", "b.apng", "c.png", "d.webp", "e.avif")
    write_apng(tmp_path / "f.png", [Tile((0, 0, 0, 255))] * 2)
    write_webp(tmp_path / "g.webp", [Tile((0, 0, 0, 255))] * 2)
    os.mkfifo(tmp_path / "h.png")
    assert names(tmp_path) == ["a.gif", "b.apng", "f.png", "g.webp"]


def test_hidden_files_and_folders_are_skipped(tmp_path: Path):
    touch(tmp_path, ".a.mp4", ".cache/b.mp4", "c.mp4")
    assert names(tmp_path) == ["c.mp4"]


def test_patterns_are_compared_with_names_or_with_paths_if_they_have_a_slash(tmp_path: Path):
    touch(tmp_path, "a.mp4", "a.mkv", "s1/a.mkv", "s2/a.mkv", "s2/a.txt")
    assert names(tmp_path, ["*.mkv"]) == ["a.mkv", "s1/a.mkv", "s2/a.mkv"]
    assert names(tmp_path, ["s1/*", "*.mp4"]) == ["a.mp4", "s1/a.mkv"]
    assert names(tmp_path, ["s2/*"]) == ["s2/a.mkv"]


def test_a_loop_of_links_is_visited_once_and_under_the_real_path(tmp_path: Path):
    touch(tmp_path, "in/z/a.mp4", "in/b.mp4", "elsewhere/c.mp4", "beside.mp4")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    (tmp_path / "in/z/up").symlink_to("..")
    (tmp_path / "in/z/out").symlink_to(tmp_path)
    (tmp_path / "in/1-z").symlink_to("z")
    (tmp_path / "in/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/self").symlink_to("self")
    assert names(tmp_path / "in") == ["b.mp4", "linked/c.mp4", "z/a.mp4"]


def test_an_excluded_folder_is_not_searched(tmp_path: Path):
    touch(tmp_path, "a.mp4", "out/a.mp4", "link.mp4")
    (tmp_path / "again").symlink_to("out")
    assert names(tmp_path, exclude=tmp_path / "out") == ["a.mp4", "link.mp4"]
    assert names(tmp_path, exclude=tmp_path / "not-yet") == ["a.mp4", "link.mp4", "out/a.mp4"]


def test_outputs_of_an_earlier_run_are_distinguished_from_sources(tmp_path: Path):
    touch(tmp_path, "a.mp4", "a_60fps.mp4", "a_slowmo4x.mkv", "b_59.94fps.mp4", "a_60fps_2x.mp4")
    made = {str(found.name): found.made_from for found in find_videos(tmp_path)}
    assert made == {
        "a.mp4": None,
        "a_60fps.mp4": "a",
        "a_slowmo4x.mkv": "a",
        "b_59.94fps.mp4": None,
        "a_60fps_2x.mp4": "a_60fps",
    }


@pytest.mark.parametrize("options", [{}, {"fps": "59.94"}, {"fps": "2.5x"}, {"slowmo": 4}, {"multi": 3}])
def test_every_default_output_name_is_recognised(tmp_path: Path, options: dict):
    clip = make_clip(tmp_path / "a_b.mp4", 5)
    assert source_stem(make_plan(InterpJob(source=clip, **options)).target.stem) == "a_b"


def test_unreadable_files_are_reported_without_opening_them(tmp_path: Path):
    touch(tmp_path, "good.mp4")
    (tmp_path / "nothing.mp4").symlink_to("missing")
    (tmp_path / "self.mp4").symlink_to("self.mp4")
    (tmp_path / "null.mp4").symlink_to(os.devnull)
    os.mkfifo(tmp_path / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket.mp4"))
    found = {found.name.stem: found.problem for found in find_videos(tmp_path)}
    assert found["good"] == ""
    assert "link to a file that does not exist" in found["nothing"] and "levels of symbolic links" in found["self"]
    assert [found[name] for name in ("null", "pipe", "socket")] == [
        f"is {what}, not a file" for what in ("a device", "a pipe", "a socket")
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read all files")
def test_files_and_folders_without_permission_are_reported(tmp_path: Path):
    touch(tmp_path, "secret.mp4", "closed/a.mp4")
    (tmp_path / "secret.mp4").chmod(0)
    (tmp_path / "closed").chmod(0)
    found = {str(found.name): found.problem for found in find_videos(tmp_path)}
    (tmp_path / "closed").chmod(0o700)
    assert "no permission" in found["secret.mp4"] and "cannot be listed" in found["closed"]


def test_an_unreadable_folder_is_reported_and_the_others_are_searched(tmp_path: Path, monkeypatch):
    touch(tmp_path, "closed/a.mp4", "open/a.mp4")
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = {str(found.name): found.problem for found in find_videos(tmp_path)}
    assert found == {"closed": "the folder cannot be listed: Permission denied", "open/a.mp4": ""}


def test_ten_thousand_files_are_found_in_order(tmp_path: Path):
    for number in range(10_000):
        (tmp_path / f"{number}.mp4").touch()
    found = find_videos(tmp_path)
    assert [found.name.stem for found in found] == [str(number) for number in range(10_000)]


def test_a_missing_folder_is_an_input_error(tmp_path: Path):
    with pytest.raises(InputError, match="no such folder"):
        find_videos(tmp_path / "missing")
    with pytest.raises(InputError, match="no such folder"):
        listed_videos(tmp_path / "missing", ["a.mp4"])


def test_the_files_of_a_list_keep_its_order_and_occur_once(tmp_path: Path):
    touch(tmp_path, "b.mp4", "x/a.bin")
    names = tmp_path / "list"
    names.write_bytes(b"x/a.bin\r\n\n./b.mp4\nb.mp4\n\xff.mp4\n")
    found = listed_videos(tmp_path, read_list(names))
    assert [str(one.name) for one in found] == ["x/a.bin", "b.mp4", "\udcff.mp4"]
    assert [one.problem for one in found] == ["", "", "no such file"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])  # UTF-16: as PowerShell writes it
def test_a_list_in_the_encodings_of_windows_is_read(tmp_path: Path, encoding: str):
    names = tmp_path / "names.txt"
    names.write_bytes("a.mp4\r\nfilm \u00e9.mkv\r\n\r\n".encode(encoding))
    assert read_list(names) == ["a.mp4", "film \u00e9.mkv"]


@pytest.mark.parametrize("name", ["../a.mp4", "x/../../a.mp4", "/etc/a.mp4"])
def test_a_list_may_not_name_files_outside_the_folder(tmp_path: Path, name: str):
    with pytest.raises(UsageError, match="leads out"):
        listed_videos(tmp_path, [name])


def test_a_missing_list_is_an_input_error(tmp_path: Path):
    with pytest.raises(InputError, match="list cannot be read"):
        read_list(tmp_path / "missing")
