"""The output file: made in a folder beside its final place, and moved there only when it is complete.

out.mp4           as it was, until the end
.out.mp4.vfi/     lock          held by the run at work; the system lets go of it when that run dies
                  part          the file being written
                  ...           what a resumable job keeps, see `video.segments` and `jobs.journal`
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from vfi_cli.errors import OutputError, PlaceError

_SUFFIX = ".vfi"
_MAX_NAME = 255  # bytes, on every file system in use


class Target:
    """Reserves `path` for one run, by locking a folder beside it.

    As a context manager it removes the folder at the end, unless it is `kept` for a later run.

    Args:
        path: the final file.
        source: the input, which must not be the same file.
        overwrite: an existing file is replaced, at the very end.

    Attributes:
        part: the file to write.
        folder: where it is, and whatever a later run can use.
        kept: leave all but `part` in the folder; at first, whether an earlier run has left something there.

    Raises OutputError, before anything is computed: the place cannot be written, is taken, is in use by another
    run, or is no place for a file. Links are never followed.
    """

    def __init__(self, path: Path, *, source: Path | None = None, overwrite: bool = False) -> None:
        self.path = path
        self.overwrite = overwrite
        self.folder = path.with_name(_folder_name(path.name)) if path.name else path
        self.part = self.folder / "part"
        self.kept = False
        try:
            self._check_place(source)
            self._lock = self._reserve()
        except OSError as error:
            raise OutputError(f"cannot be created: {error.strerror}", path=path) from error
        try:  # a run that held the reservation until a moment ago may have finished the file
            self._check_place(source)
            self.part.unlink(missing_ok=True)  # of a dead run; it may be a second name of the final file, see commit
            self.kept = any(entry.name != "lock" for entry in self.folder.iterdir())
        except BaseException:
            self._release()
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

    def _reserve(self) -> int:
        """Create and lock the folder; its descriptor is the lock."""
        lock = self.folder / "lock"
        while True:
            with suppress(FileExistsError):
                self.folder.mkdir()
            if self.folder.is_symlink():
                raise OutputError(f"{self.folder.name}, where it would be made, is a link", path=self.path)
            try:
                descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o666)
            except FileNotFoundError:  # the run before us is tidying up
                continue
            try:
                with suppress(OSError):  # a file system without locks
                    try:
                        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError as error:
                        raise OutputError("in use by another run", path=self.path, remedy="wait for it") from error
                if os.path.samestat(os.fstat(descriptor), lock.stat()):
                    return descriptor
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def commit(self) -> None:
        """Make `part` the final file, in one step and only after its bytes are on the disk."""
        try:
            with self.part.open("rb") as file:
                os.fsync(file.fileno())
            if self.overwrite:
                self.part.replace(self.path)
            else:
                self._put_beside()
            _sync_folder(self.path.parent)
            self.kept = False
        except FileExistsError as error:
            raise PlaceError("appeared while it was being made", path=self.path, remedy="-y replaces it") from error
        except OSError as error:
            raise PlaceError(f"cannot be put in place: {error.strerror}", path=self.path) from error

    def _put_beside(self) -> None:
        try:
            self.path.hardlink_to(self.part)  # unlike a rename, never replaces
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            self._check_place(None)
            self.part.replace(self.path)
        else:
            self.part.unlink()

    def _release(self) -> None:
        """Remove what is not kept, the lock last."""
        with suppress(OSError):
            self.part.unlink(missing_ok=True)
        if not self.kept:
            with suppress(OSError):
                for entry in self.folder.iterdir():
                    if entry.name != "lock":
                        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
                (self.folder / "lock").unlink()
                self.folder.rmdir()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()


def _folder_name(name: str) -> str:
    folder = f".{name}{_SUFFIX}"
    if len(os.fsencode(folder)) <= _MAX_NAME:
        return folder
    return f".{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}{_SUFFIX}"


def _sync_folder(folder: Path) -> None:
    """Let a rename reach the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
