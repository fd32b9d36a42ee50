"""A folder of images as an output: locked, complete or absent, and without the files of others."""

import os
import sys
from pathlib import Path

import pytest

from tests.pictures import make_folder
from vfi_cli.errors import OutputError
from vfi_cli.video.location.output_folder import OutputFolder


def fill(target, *names):
    for name in names:
        (target.temp_path / name).write_text(name)


def names(folder):
    return sorted(child.name for child in folder.iterdir())


def test_the_folder_appears_only_when_it_is_complete(tmp_path):
    folder = tmp_path / "out"
    with OutputFolder(folder / "%04d.png") as target:
        fill(target, "0001.png", "0002.png")
        assert not folder.exists()
        target.commit()
    assert names(tmp_path) == ["out"] and names(folder) == ["0001.png", "0002.png"]


def test_an_incomplete_folder_is_removed(tmp_path):
    with pytest.raises(KeyboardInterrupt), OutputFolder(tmp_path / "out" / "%d.png") as target:
        fill(target, "1.png")
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "out").mkdir()
    with OutputFolder(tmp_path / "out" / "%d.png") as target:
        fill(target, "1.png")
        target.commit()
    assert names(tmp_path / "out") == ["1.png"]


def test_earlier_images_are_replaced_only_on_request_and_then_all_of_them(tmp_path):
    folder = make_folder(tmp_path / "out", 3, "{}.png")
    with pytest.raises(OutputError, match="-y replaces"):
        OutputFolder(folder / "%d.png")
    with OutputFolder(folder / "%d.png", overwrite=True) as target:
        fill(target, "1.png")
        assert len(names(folder)) == 3
        target.commit()
    assert names(tmp_path) == ["out"] and (folder / "1.png").read_text() == "1.png"
    assert names(folder) == ["1.png"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_other_files_is_never_replaced(tmp_path, overwrite):
    folder = make_folder(tmp_path / "out", 2, "{}.png")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds other files, such as notes\.txt"):
        OutputFolder(folder / "%d.png", overwrite=overwrite)
    (folder / "notes.txt").unlink()
    with pytest.raises(OutputError, match="holds other files"):
        OutputFolder(folder / "%d.tif", overwrite=overwrite)
    (folder / "3.png").mkdir()
    with pytest.raises(OutputError, match=r"such as 3\.png"):
        OutputFolder(folder / "%d.png", overwrite=overwrite)
    assert names(tmp_path) == ["out"]


def test_a_file_created_in_the_folder_during_the_run_is_kept(tmp_path):
    folder = make_folder(tmp_path / "out", 2, "{}.png")
    with pytest.raises(OutputError, match=r"mine\.txt"), OutputFolder(folder / "%d.png", overwrite=True) as target:
        fill(target, "1.png")
        (folder / "mine.txt").write_text("mine")
        target.commit()
    assert names(folder) == ["1.png", "2.png", "mine.txt"] and names(tmp_path) == ["out"]


def test_a_folder_created_during_the_run_is_kept(tmp_path):
    with (
        pytest.raises(OutputError, match="created by another program"),
        OutputFolder(tmp_path / "out" / "%d.png") as target,
    ):
        fill(target, "1.png")
        make_folder(tmp_path / "out", 2)
        target.commit()
    assert len(names(tmp_path / "out")) == 2 and names(tmp_path) == ["out"]


def test_only_one_run_can_make_a_folder(tmp_path):
    with OutputFolder(tmp_path / "out" / "%d.png"), pytest.raises(OutputError, match="in use"):
        OutputFolder(tmp_path / "out" / "%d.png")


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_folder_of_the_source_is_refused(tmp_path, overwrite):
    folder = make_folder(tmp_path / "in", 2)
    for source in (folder, folder / "%04d.png", folder / "0001.png"):
        with pytest.raises(OutputError, match="the input"):
            OutputFolder(folder / "%04d.png", source=source, overwrite=overwrite)


def test_files_links_missing_parents_and_the_current_folder_are_refused(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for folder, message in [("file", "not a folder"), ("link", "is a link"), ("no/where", "does not exist")]:
        with pytest.raises(OutputError, match=message):
            OutputFolder(tmp_path / folder / "%d.png")
    monkeypatch.chdir(tmp_path / "real")
    with pytest.raises(OutputError, match="the current folder"):
        OutputFolder(Path("%d.png"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every folder")
def test_a_read_only_parent_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be created"):
        OutputFolder(tmp_path / "out" / "%d.png")


OLD = ["1.png", "2.png", "3.png"]
STEPS = ("os.mkdir", "os.rename", "os.remove", "os.rmdir")


def old_folder(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names or OLD:
        (folder / name).write_text("old")
    return folder


def killed_before(step: int, folder: Path, **options) -> bool:
    """Replace the folder in a process that dies before disk operation number `step`. False if there are fewer."""
    child = os.fork()
    if child == 0:
        remaining = iter(range(step))
        sys.addaudithook(lambda event, _: event in STEPS and next(remaining, None) is None and os._exit(1))
        with OutputFolder(folder / "%d.png", **options) as target:
            fill(target, "1.png", "2.png")
            target.commit()
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_run_killed_at_any_step_loses_no_images_and_blocks_no_other_run(tmp_path, overwrite):
    step, ends = 0, set()
    while True:
        parent = tmp_path / str(step)
        folder = parent / "out"
        parent.mkdir()
        if overwrite:
            old_folder(folder)
        if not killed_before(step, folder, overwrite=overwrite):
            break
        with OutputFolder(folder / "%d.png", overwrite=True):
            pass  # a run without frames
        assert names(parent) in ([], ["out"])
        ends.add(tuple(names(folder)) if folder.exists() else ())
        with OutputFolder(folder / "%d.png", overwrite=True) as target:
            fill(target, "7.png")
            target.commit()
        assert names(parent) == ["out"] and names(folder) == ["7.png"]
        step += 1
    assert ends == {tuple(OLD) if overwrite else (), ("1.png", "2.png")} and step > 4


def interrupted_replacement(parent: Path) -> Path:
    """A folder that a run renamed to replace it, but that run died before the new folder got the name."""
    folder = old_folder(parent / "out")
    step = next(step for step in range(20) if killed_before(step, folder, overwrite=True) and not folder.exists())
    assert names(parent / ".out.vfi") == ["lock", "old", "pictures"] and step
    return folder


def test_the_next_run_restores_the_old_folder_even_without_overwrite(tmp_path):
    folder = interrupted_replacement(tmp_path)
    with pytest.raises(OutputError, match="exists already and holds images"):
        OutputFolder(folder / "%d.png")
    assert names(tmp_path) == ["out"] and names(folder) == OLD


def test_the_old_folder_gets_another_name_if_its_own_is_taken(tmp_path, caplog):
    folder = interrupted_replacement(tmp_path)
    (tmp_path / "out.old").touch()
    old_folder(folder, "5.png")
    with OutputFolder(folder / "%d.png", overwrite=True) as target:
        fill(target, "1.png")
        target.commit()
    assert names(tmp_path) == ["out", "out.old", "out.old1"] and names(folder) == ["1.png"]
    assert names(tmp_path / "out.old1") == OLD and "now in out.old1" in caplog.text


def test_a_killed_run_blocks_no_other_run(tmp_path):
    """The next run may even write images of another type."""
    assert killed_before(2, tmp_path / "out")
    assert names(tmp_path) == [".out.vfi"]
    with OutputFolder(tmp_path / "out" / "%d.jpg") as target:
        assert names(target.temp_path) == []


@pytest.mark.parametrize("left", ["out.part", "out.old"])
def test_folders_with_similar_names_are_left_alone(tmp_path, left):
    old_folder(tmp_path / left)
    with OutputFolder(tmp_path / "out" / "%d.png") as target:
        fill(target, "1.png")
        target.commit()
    assert names(tmp_path) == ["out", left]
