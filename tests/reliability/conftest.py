"""Fixtures of the reliability cases: the program, a folder for its files, and the record for the table."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.media import make_clip
from tests.reliability.program import Outcome, Run


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory, record_property) -> Callable[..., Run]:
    """Start `vfi` with some arguments; see `program.Run`. How it ends becomes part of the test's report."""
    folder = tmp_path_factory.mktemp("run")

    def begin(*arguments: str | Path, **options) -> Run:
        return Run(folder, arguments, note=lambda outcome: record_property("run", _gist(outcome)), **options)

    return begin


@pytest.fixture
def vfi(start) -> Callable[..., Outcome]:
    """Run `vfi` with some arguments to its end."""

    def run(*arguments: str | Path, **options) -> Outcome:
        outcome = start(*arguments, **options).wait()
        assert outcome.code is not None, f"hangs: {outcome}"
        assert "Traceback" not in outcome.err, str(outcome)
        return outcome

    return run


def _gist(outcome: Outcome) -> tuple[int | None, str]:
    return outcome.code, outcome.message


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """One second of numbered frames."""
    return make_clip(tmp_path / "in.mp4", 10)


@pytest.fixture
def unchanged(tmp_path: Path):
    """`with unchanged(): ...` asserts that the block leaves the folder of the test as it was: nothing new, nothing
    gone, every byte the same."""

    @contextmanager
    def check(*, but: Path | None = None) -> Iterator[None]:
        before = _contents(tmp_path)
        yield
        after = _contents(tmp_path)
        if but is not None:
            after.pop(but, None)
        assert after == before

    return check


def _contents(folder: Path) -> dict[Path, str]:
    """Every path below a folder, and what is there."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink():
                found[path] = f"link to {path.readlink()}"
            elif path.is_file():
                found[path] = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                found[path] = "no file"
    return found
