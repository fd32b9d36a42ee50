"""The output file: an existing file is unchanged until the new one is complete, and only one run can make it."""

import os

import pytest

from vfi_cli.errors import OutputError
from vfi_cli.video.location.output_file import OutputFile


def commit(path, data=b"new", **options):
    with OutputFile(path, **options) as target:
        target.temp_path.write_bytes(data)
        target.commit()


def test_commit_moves_the_file_to_its_path_and_leaves_nothing_else(tmp_path):
    commit(tmp_path / "o.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["o.mp4"]
    assert (tmp_path / "o.mp4").read_bytes() == b"new"


def test_without_commit_nothing_is_left(tmp_path):
    with pytest.raises(KeyboardInterrupt), OutputFile(tmp_path / "o.mp4") as target:
        target.temp_path.write_bytes(b"half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_replaced_only_on_request(tmp_path):
    old = tmp_path / "o.mp4"
    old.write_bytes(b"old")
    with pytest.raises(OutputError, match="-y replaces it"):
        OutputFile(old)
    assert old.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1
    commit(old, overwrite=True)
    assert old.read_bytes() == b"new"


def test_an_existing_file_survives_a_run_that_fails(tmp_path):
    old = tmp_path / "o.mp4"
    old.write_bytes(b"old")
    with pytest.raises(RuntimeError), OutputFile(old, overwrite=True) as target:
        target.temp_path.write_bytes(b"half")
        raise RuntimeError
    assert old.read_bytes() == b"old"


def test_a_file_created_during_the_run_is_not_replaced(tmp_path):
    with pytest.raises(OutputError, match="created by another program"), OutputFile(tmp_path / "o.mp4") as target:
        target.temp_path.write_bytes(b"ours")
        (tmp_path / "o.mp4").write_bytes(b"theirs")
        target.commit()
    assert (tmp_path / "o.mp4").read_bytes() == b"theirs"
    assert len(list(tmp_path.iterdir())) == 1


def test_commit_works_without_hard_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "no hard links")

    monkeypatch.setattr(os, "link", refuse)
    commit(tmp_path / "o.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["o.mp4"]


def test_only_one_of_two_runs_can_make_an_output(tmp_path):
    with OutputFile(tmp_path / "o.mp4") as first:
        with pytest.raises(OutputError, match="in use by another run"):
            OutputFile(tmp_path / "o.mp4")
        first.temp_path.write_bytes(b"first")
        first.commit()
    assert (tmp_path / "o.mp4").read_bytes() == b"first"


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_source_is_never_overwritten(tmp_path, overwrite):
    source = tmp_path / "in.mp4"
    source.write_bytes(b"source")
    (tmp_path / "hard.mp4").hardlink_to(source)
    (tmp_path / "soft.mp4").symlink_to(source)
    for name in ("in.mp4", "../" + tmp_path.name + "/in.mp4", "hard.mp4", "soft.mp4"):
        with pytest.raises(OutputError, match=r"input itself|is a link"):
            OutputFile(tmp_path / name, source=source, overwrite=overwrite)
    assert source.read_bytes() == b"source"
    assert len(list(tmp_path.iterdir())) == 3


def test_links_folders_and_pipes_are_refused(tmp_path):
    (tmp_path / "real.mp4").write_bytes(b"old")
    (tmp_path / "soft.mp4").symlink_to(tmp_path / "real.mp4")
    (tmp_path / "dangling.mp4").symlink_to(tmp_path / "none.mp4")
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    for name in ("soft.mp4", "dangling.mp4", "folder.mp4", "pipe.mp4"):
        with pytest.raises(OutputError):
            OutputFile(tmp_path / name, overwrite=True)
    assert (tmp_path / "real.mp4").read_bytes() == b"old"
    assert not list(tmp_path.glob("*.part"))


def test_a_path_in_a_missing_folder_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for folder in ("none", "file"):
        with pytest.raises(OutputError, match="folder does not exist"):
            OutputFile(tmp_path / folder / "o.mp4")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every folder")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be created"):
        OutputFile(tmp_path / "o.mp4")


def test_the_longest_possible_name_can_be_written(tmp_path):
    commit(tmp_path / ("x" * 251 + ".mp4"))
    commit(tmp_path / ("é" * 125 + "a.mp4"))  # a cut at the length limit would divide a character of two bytes
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(OutputError):
        OutputFile(tmp_path / ("x" * 252 + ".mp4"))
