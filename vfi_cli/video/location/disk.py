"""Waits until files and folders are on the disk."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

_UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # errors of file systems that cannot sync


def sync(descriptor: int) -> None:
    """Wait until the bytes of an open file are on the disk, if its file system supports this. Raises OSError."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


def sync_file(path: Path) -> None:
    """Wait until the bytes of the file `path` are on the disk, as `sync` does. Raises OSError."""
    with path.open("rb") as file:
        sync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the file names of a folder are on the disk. Errors are ignored: some file systems cannot do this."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
