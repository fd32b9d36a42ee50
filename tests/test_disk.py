from __future__ import annotations

from pathlib import Path

import pytest

from vfi_cli.disk import replacing


@pytest.mark.parametrize("old", [None, "old"])
def test_a_file_is_replaced_when_the_body_has_succeeded(tmp_path: Path, old: str | None):
    path = tmp_path / "a.txt"
    if old is not None:
        path.write_text(old)
    with replacing(path) as temp_path:
        temp_path.write_text("new")
        assert path.exists() == (old is not None)
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_a_file_stays_as_it_was_when_the_body_fails(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temp_path:
        temp_path.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
