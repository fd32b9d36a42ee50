"""Files that survive a crash: waits until bytes are on the disk, and replaces files atomically."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`. If the body succeeds, the file there replaces `path` in one step.

    A reader, also after a crash, finds the old file or the new one, never a part of it. Raises OSError.
    """
    temp_path = path.with_name(path.name + ".part")
    try:
        yield temp_path
        sync_file(temp_path)
        temp_path.replace(path)
    except BaseException:
        with suppress(OSError):
            temp_path.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
