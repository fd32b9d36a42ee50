"""A folder of pictures as an output: reserved, complete or not there, and nobody else's files."""

import os
from pathlib import Path

import pytest

from tests.pictures import make_folder
from vfi_cli.errors import OutputError
from vfi_cli.video.folder import FolderTarget


def fill(target, *names):
    for name in names:
        (target.part / name).write_text(name)


def names(folder):
    return sorted(child.name for child in folder.iterdir())


def test_the_folder_appears_when_it_is_complete(tmp_path):
    folder = tmp_path / "out"
    with FolderTarget(folder / "%04d.png") as target:
        fill(target, "0001.png", "0002.png")
        assert not folder.exists()
        target.commit()
    assert names(tmp_path) == ["out"] and names(folder) == ["0001.png", "0002.png"]


def test_what_was_begun_is_removed(tmp_path):
    with pytest.raises(KeyboardInterrupt), FolderTarget(tmp_path / "out" / "%d.png") as target:
        fill(target, "1.png")
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "out").mkdir()
    with FolderTarget(tmp_path / "out" / "%d.png") as target:
        fill(target, "1.png")
        target.commit()
    assert names(tmp_path / "out") == ["1.png"]


def test_earlier_pictures_are_only_replaced_on_request_and_then_all_of_them(tmp_path):
    folder = make_folder(tmp_path / "out", 3, "{}.png")
    with pytest.raises(OutputError, match="-y replaces"):
        FolderTarget(folder / "%d.png")
    with FolderTarget(folder / "%d.png", overwrite=True) as target:
        fill(target, "1.png")
        assert len(names(folder)) == 3
        target.commit()
    assert names(tmp_path) == ["out"] and (folder / "1.png").read_text() == "1.png"
    assert names(folder) == ["1.png"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_anything_else_in_it_is_never_touched(tmp_path, overwrite):
    folder = make_folder(tmp_path / "out", 2, "{}.png")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds other files, such as notes\.txt"):
        FolderTarget(folder / "%d.png", overwrite=overwrite)
    (folder / "notes.txt").unlink()
    with pytest.raises(OutputError, match="holds other files"):
        FolderTarget(folder / "%d.tif", overwrite=overwrite)
    (folder / "3.png").mkdir()
    with pytest.raises(OutputError, match=r"such as 3\.png"):
        FolderTarget(folder / "%d.png", overwrite=overwrite)
    assert names(tmp_path) == ["out"]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    folder = make_folder(tmp_path / "out", 2, "{}.png")
    with pytest.raises(OutputError, match=r"mine\.txt"), FolderTarget(folder / "%d.png", overwrite=True) as target:
        fill(target, "1.png")
        (folder / "mine.txt").write_text("mine")
        target.commit()
    assert names(folder) == ["1.png", "2.png", "mine.txt"] and names(tmp_path) == ["out"]


def test_a_folder_that_appears_meanwhile_is_kept(tmp_path):
    with pytest.raises(OutputError, match="appeared"), FolderTarget(tmp_path / "out" / "%d.png") as target:
        fill(target, "1.png")
        make_folder(tmp_path / "out", 2)
        target.commit()
    assert len(names(tmp_path / "out")) == 2 and names(tmp_path) == ["out"]


def test_two_runs_do_not_share_a_folder(tmp_path):
    with FolderTarget(tmp_path / "out" / "%d.png"), pytest.raises(OutputError, match="in use"):
        FolderTarget(tmp_path / "out" / "%d.png")


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_folder_of_the_input_is_no_output(tmp_path, overwrite):
    folder = make_folder(tmp_path / "in", 2)
    for source in (folder, folder / "%04d.png", folder / "0001.png"):
        with pytest.raises(OutputError, match="the input"):
            FolderTarget(folder / "%04d.png", source=source, overwrite=overwrite)


def test_places_that_are_no_folder_are_refused(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for folder, message in [("file", "not a folder"), ("link", "is a link"), ("no/where", "does not exist")]:
        with pytest.raises(OutputError, match=message):
            FolderTarget(tmp_path / folder / "%d.png")
    monkeypatch.chdir(tmp_path / "real")
    with pytest.raises(OutputError, match="the folder you are in"):
        FolderTarget(Path("%d.png"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_place_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be created"):
        FolderTarget(tmp_path / "out" / "%d.png")
