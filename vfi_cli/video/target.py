"""The output file: written beside its final place, and moved there only when it is complete."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from vfi_cli.errors import OutputError

_SUFFIX = ".part"
_MAX_NAME = 255  # bytes, on every file system in use


class Target:
    """Reserves `path` for one run, by creating a `.part` file beside it that no other run can create.

    As a context manager it removes the `.part` file unless `commit` was reached.

    Args:
        path: the final file.
        source: the input, which must not be the same file.
        overwrite: an existing file is replaced, at the very end.

    Raises OutputError, before anything is computed: the place cannot be written, is taken, is in use by another
    run, or is no place for a file. Links are never followed.
    """

    def __init__(self, path: Path, *, source: Path | None = None, overwrite: bool = False) -> None:
        self.path = path
        self.overwrite = overwrite
        name = os.fsencode(path.name)[: _MAX_NAME - len(_SUFFIX)]
        self.part = path.with_name(os.fsdecode(name) + _SUFFIX)
        try:
            self._check_place(source)
            os.close(os.open(self.part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError as error:
            raise OutputError(
                f"in use by another run, which writes {self.part.name}",
                path=path,
                remedy="if no other run is alive, delete that file",
            ) from error
        except OSError as error:
            raise OutputError(f"cannot be created: {error.strerror}", path=path) from error
        try:  # a run that held the reservation until a moment ago may have finished the file
            self._check_place(source)
        except OutputError:
            self.discard()
            raise

    def _check_place(self, source: Path | None) -> None:
        path = self.path
        if not path.name:
            raise OutputError("is not a file name", path=path)
        if not path.parent.is_dir():
            raise OutputError("the folder does not exist", path=path, remedy=f"create {path.parent} first")
        if path.is_symlink():
            raise OutputError("is a link, which is not followed", path=path, remedy="name the file itself")
        if not path.exists():
            return
        if source is not None and source.exists() and path.samefile(source):
            raise OutputError("is the input itself", path=path, remedy="choose another name with -o")
        if not path.is_file():
            raise OutputError("exists and is not a file", path=path, remedy="choose another name with -o")
        if not self.overwrite:
            raise OutputError("exists already", path=path, remedy="-y replaces it")

    def commit(self) -> None:
        """Make the `.part` file the final one, in one step and only after its bytes are on the disk."""
        try:
            with self.part.open("rb") as file:
                os.fsync(file.fileno())
            if self.overwrite:
                self.part.replace(self.path)
                return
            try:
                self.path.hardlink_to(self.part)  # unlike a rename, never replaces
            except FileExistsError:
                raise
            except OSError:  # a file system without hard links
                self._check_place(None)
                self.part.replace(self.path)
            else:
                self.part.unlink()
        except FileExistsError as error:
            raise OutputError("appeared while it was being made", path=self.path, remedy="-y replaces it") from error
        except OSError as error:
            raise OutputError(f"cannot be put in place: {error.strerror}", path=self.path) from error

    def discard(self) -> None:
        """Remove the `.part` file, if it is still there."""
        with suppress(OSError):
            self.part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()
