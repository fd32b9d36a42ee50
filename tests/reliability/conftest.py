"""Fixtures of the reliability tests: run the program, make a clip, and check that files do not change."""

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
    """A function that starts `vfi` with its arguments; see `program.Run`. Exit code and message go into the report."""
    folder = tmp_path_factory.mktemp("run")

    def start_run(*arguments: str | Path, **options) -> Run:
        return Run(folder, arguments, on_end=lambda outcome: record_property("run", _summary(outcome)), **options)

    return start_run


@pytest.fixture
def vfi(start) -> Callable[..., Outcome]:
    """A function that runs `vfi` with its arguments until it ends. It fails if `vfi` hangs or prints a traceback."""

    def run(*arguments: str | Path, **options) -> Outcome:
        outcome = start(*arguments, **options).wait()
        assert outcome.code is not None, f"hangs: {outcome}"
        assert "Traceback" not in outcome.err, str(outcome)
        return outcome

    return run


def _summary(outcome: Outcome) -> tuple[int | None, str]:
    return outcome.code, outcome.message


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A clip of one second that shows the numbers 0 to 9."""
    return make_clip(tmp_path / "in.mp4", 10)


@pytest.fixture
def unchanged(tmp_path: Path):
    """A context manager that fails if its block adds, removes or changes a file in the folder of the test.

    `but` names a file that may be new.
    """

    @contextmanager
    def check(*, but: Path | None = None) -> Iterator[None]:
        before = _hash_files(tmp_path)
        yield
        after = _hash_files(tmp_path)
        if but is not None:
            after.pop(but, None)
        assert after == before

    return check


def _hash_files(folder: Path) -> dict[Path, str]:
    """A map from each path below `folder` to a hash of the file, or to another description."""
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
