"""A folder of pictures as an output: reserved, complete or not there, and nobody else's files."""

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


def test_the_folder_appears_when_it_is_complete(tmp_path):
    folder = tmp_path / "out"
    with OutputFolder(folder / "%04d.png") as target:
        fill(target, "0001.png", "0002.png")
        assert not folder.exists()
        target.commit()
    assert names(tmp_path) == ["out"] and names(folder) == ["0001.png", "0002.png"]


def test_what_was_begun_is_removed(tmp_path):
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


def test_earlier_pictures_are_only_replaced_on_request_and_then_all_of_them(tmp_path):
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
def test_a_folder_with_anything_else_in_it_is_never_touched(tmp_path, overwrite):
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


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    folder = make_folder(tmp_path / "out", 2, "{}.png")
    with pytest.raises(OutputError, match=r"mine\.txt"), OutputFolder(folder / "%d.png", overwrite=True) as target:
        fill(target, "1.png")
        (folder / "mine.txt").write_text("mine")
        target.commit()
    assert names(folder) == ["1.png", "2.png", "mine.txt"] and names(tmp_path) == ["out"]


def test_a_folder_that_appears_meanwhile_is_kept(tmp_path):
    with pytest.raises(OutputError, match="appeared"), OutputFolder(tmp_path / "out" / "%d.png") as target:
        fill(target, "1.png")
        make_folder(tmp_path / "out", 2)
        target.commit()
    assert len(names(tmp_path / "out")) == 2 and names(tmp_path) == ["out"]


def test_two_runs_do_not_share_a_folder(tmp_path):
    with OutputFolder(tmp_path / "out" / "%d.png"), pytest.raises(OutputError, match="in use"):
        OutputFolder(tmp_path / "out" / "%d.png")


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_folder_of_the_input_is_no_output(tmp_path, overwrite):
    folder = make_folder(tmp_path / "in", 2)
    for source in (folder, folder / "%04d.png", folder / "0001.png"):
        with pytest.raises(OutputError, match="the input"):
            OutputFolder(folder / "%04d.png", source=source, overwrite=overwrite)


def test_places_that_are_no_folder_are_refused(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for folder, message in [("file", "not a folder"), ("link", "is a link"), ("no/where", "does not exist")]:
        with pytest.raises(OutputError, match=message):
            OutputFolder(tmp_path / folder / "%d.png")
    monkeypatch.chdir(tmp_path / "real")
    with pytest.raises(OutputError, match="the folder you are in"):
        OutputFolder(Path("%d.png"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_place_is_refused(tmp_path):
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
    """Replace the folder in a process that dies before that step on the disk, whether it came so far."""
    child = os.fork()
    if child == 0:
        left = iter(range(step))
        sys.addaudithook(lambda event, _: event in STEPS and next(left, None) is None and os._exit(1))
        with OutputFolder(folder / "%d.png", **options) as target:
            fill(target, "1.png", "2.png")
            target.commit()
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("overwrite", [False, True])
def test_killed_at_any_step_it_loses_nothing_and_blocks_no_other_run(tmp_path, overwrite):
    step, ends = 0, set()
    while True:
        place = tmp_path / str(step)
        folder = place / "out"
        place.mkdir()
        if overwrite:
            old_folder(folder)
        if not killed_before(step, folder, overwrite=overwrite):
            break
        with OutputFolder(folder / "%d.png", overwrite=True):
            pass  # a run that makes nothing
        assert names(place) in ([], ["out"])
        ends.add(tuple(names(folder)) if folder.exists() else ())
        with OutputFolder(folder / "%d.png", overwrite=True) as target:
            fill(target, "7.png")
            target.commit()
        assert names(place) == ["out"] and names(folder) == ["7.png"]
        step += 1
    assert ends == {tuple(OLD) if overwrite else (), ("1.png", "2.png")} and step > 4


def half_done(place: Path) -> Path:
    """A folder whose exchange for a new one was cut short after it was put aside."""
    folder = old_folder(place / "out")
    step = next(step for step in range(20) if killed_before(step, folder, overwrite=True) and not folder.exists())
    assert names(place / ".out.vfi") == ["lock", "old", "pictures"] and step
    return folder


def test_a_folder_that_was_put_aside_comes_back_even_where_it_is_not_to_be_replaced(tmp_path):
    folder = half_done(tmp_path)
    with pytest.raises(OutputError, match="exists already and holds pictures"):
        OutputFolder(folder / "%d.png")
    assert names(tmp_path) == ["out"] and names(folder) == OLD


def test_a_folder_that_was_put_aside_is_not_lost_where_its_name_is_taken(tmp_path, caplog):
    folder = half_done(tmp_path)
    (tmp_path / "out.old").touch()
    old_folder(folder, "5.png")
    with OutputFolder(folder / "%d.png", overwrite=True) as target:
        fill(target, "1.png")
        target.commit()
    assert names(tmp_path) == ["out", "out.old", "out.old1"] and names(folder) == ["1.png"]
    assert names(tmp_path / "out.old1") == OLD and "now in out.old1" in caplog.text


def test_a_run_that_was_killed_blocks_no_other(tmp_path):
    """Not even one that would write pictures of another kind."""
    assert killed_before(2, tmp_path / "out")
    assert names(tmp_path) == [".out.vfi"]
    with OutputFolder(tmp_path / "out" / "%d.jpg") as target:
        assert names(target.temp_path) == []


@pytest.mark.parametrize("left", ["out.part", "out.old"])
def test_folders_of_similar_names_are_nobody_s_business(tmp_path, left):
    old_folder(tmp_path / left)
    with OutputFolder(tmp_path / "out" / "%d.png") as target:
        fill(target, "1.png")
        target.commit()
    assert names(tmp_path) == ["out", left]
