"""A hidden folder beside an output. A run locks it, so that no other run makes the same output at the same time.

.out.mp4.vfi/     lock          held by the active run; the system releases it when the run dies
                  ...           the unfinished output, and finished segments for a later run
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vfi_cli.errors import OutputError

_SUFFIX = ".vfi"
_LOCK = "lock"
_MAX_NAME = 255  # bytes, on every file system in use


class OutputLock:
    """Creates and locks the folder for the output `path`. A dead run holds no lock, so its files block no other run.

    Attributes:
        folder: where the output is made.

    Raises OutputError if the folder cannot be created or another run holds the lock. Links are never followed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.folder = path.with_name(_folder_name(path.name))
        with creating(path):
            self._descriptor = self._lock()

    def _lock(self) -> int:
        """Lock the folder. Returns the file descriptor that holds the lock."""
        lock = self.folder / _LOCK
        while True:
            with suppress(FileExistsError):
                self.folder.mkdir()
            if self.folder.is_symlink():
                raise OutputError(f"its temporary folder {self.folder.name} is a link", path=self._path)
            try:
                descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o666)
            except FileNotFoundError:  # the previous run is removing the folder
                continue
            try:
                with suppress(OSError):  # the file system has no locks
                    try:
                        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError as error:
                        raise OutputError("in use by another run", path=self._path, remedy="wait for it") from error
                if os.path.samestat(os.fstat(descriptor), lock.stat()):
                    return descriptor
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def contents(self) -> Iterator[Path]:
        """The files in the folder except the lock. Raises OSError."""
        return (entry for entry in self.folder.iterdir() if entry.name != _LOCK)

    def release(self) -> None:
        """Remove the folder if it is empty, then release the lock for other runs."""
        with suppress(OSError):
            if not any(self.contents()):
                (self.folder / _LOCK).unlink()
                self.folder.rmdir()
        os.close(self._descriptor)


@contextmanager
def creating(path: Path) -> Iterator[None]:
    """Context manager that turns an OSError of its body into an OutputError about `path`."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot be created: {error.strerror}", path=path) from error


def _folder_name(name: str) -> str:
    """The name of the hidden folder for an output `name`; a hash if the name would be too long."""
    folder = f".{name}{_SUFFIX}"
    if len(os.fsencode(folder)) <= _MAX_NAME:
        return folder
    return f".{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}{_SUFFIX}"
