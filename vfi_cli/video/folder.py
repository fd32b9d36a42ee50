"""A folder of pictures as an output: made beside its final place, and moved there only when it is complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from vfi_cli.errors import OutputError
from vfi_cli.order import natural
from vfi_cli.video.sequence import number_pattern

_SUFFIX = ".part"
_OLD = ".old"


class FolderTarget:
    """Reserves the folder of `pattern` for one run, by creating a `.part` folder that no other run can create.

    As a context manager it removes the `.part` folder unless `commit` was reached.

    Args:
        pattern: the final names, e.g. frames/%06d.png.
        source: the input, which must not be in that folder.
        overwrite: an existing folder is replaced, at the very end, if nothing but such pictures is in it.

    Raises OutputError, before anything is computed: the place cannot be written, is taken, or is in use by another
    run. Links are never followed.
    """

    def __init__(self, pattern: Path, *, source: Path | None = None, overwrite: bool = False) -> None:
        self.path = pattern.parent
        self.overwrite = overwrite
        self._names = number_pattern(pattern.name)
        absolute = Path(os.path.abspath(self.path))  # noqa: PTH100  # of "." there is no sibling; links stay
        self.part = absolute.with_name(absolute.name + _SUFFIX)
        self._check_place(absolute, source)
        try:
            self.part.mkdir()
        except FileExistsError as error:
            raise OutputError(
                f"in use by another run, which writes {self.part.name}",
                path=self.path,
                remedy="if no other run is alive, delete that folder",
            ) from error
        except OSError as error:
            raise OutputError(f"cannot be created: {error.strerror}", path=self.path) from error

    def _check_place(self, absolute: Path, source: Path | None) -> None:
        path = self.path
        if not absolute.parent.is_dir():
            raise OutputError("the folder around it does not exist", path=path, remedy=f"create {path.parent} first")
        if path.is_symlink():
            raise OutputError("is a link, which is not followed", path=path, remedy="name the folder itself")
        if not path.exists():
            return
        if not path.is_dir():
            raise OutputError("exists and is not a folder", path=path, remedy="choose another name with -o")
        if Path.cwd().is_relative_to(path.resolve()):
            raise OutputError("is the folder you are in", path=path, remedy="name a new one, e.g. -o frames/")
        for place in (source, source.parent) if source is not None else ():
            if place.exists() and path.samefile(place):
                raise OutputError("is the folder of the input", path=path, remedy="choose another one with -o")
        others = [child for child in self._children() if not self._is_ours(child)]
        if others:
            raise OutputError(
                f"holds other files, such as {min(others).name}", path=path, remedy="choose a new folder with -o"
            )
        if not self.overwrite and any(self._children()):
            raise OutputError("exists already and holds pictures", path=path, remedy="-y replaces them")

    def _children(self) -> Iterator[Path]:
        try:
            yield from self.path.iterdir()
        except OSError as error:
            raise OutputError(f"cannot be read: {error.strerror}", path=self.path) from error

    def _is_ours(self, child: Path) -> bool:
        return bool(self._names.fullmatch(child.name)) and child.is_file() and not child.is_symlink()

    def commit(self) -> None:
        """Make the `.part` folder the final one, only after its bytes are on the disk."""
        try:
            for picture in sorted(self.part.iterdir(), key=natural):
                _sync(picture)
            _sync(self.part)
            with self._put_aside():
                self.part.rename(self.path)
        except OSError as error:
            taken = self.path.exists() and not self.overwrite
            raise OutputError(
                "appeared while it was being made" if taken else f"cannot be put in place: {error.strerror}",
                path=self.path,
                remedy="-y replaces it" if taken else "",
            ) from error

    @contextmanager
    def _put_aside(self) -> Iterator[None]:
        """The old folder, which comes back if the new one does not get its name."""
        if not (self.overwrite and self.path.exists()):
            yield
            return
        self._check_place(self.part, None)  # what was ours before may hold other files by now
        old = self.part.with_suffix(_OLD)
        self.path.rename(old)
        try:
            yield
        except OSError:
            old.rename(self.path)
            raise
        shutil.rmtree(old)

    def discard(self) -> None:
        """Remove the `.part` folder, if it is still there."""
        with suppress(OSError):
            shutil.rmtree(self.part)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
