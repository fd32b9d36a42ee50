"""Makes sure that bytes are on the disk."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

_LACKING = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # from file systems that cannot sync


def sync(descriptor: int) -> None:
    """Wait until the bytes of an open file are on the disk, if the file system supports this. Raises OSError."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _LACKING:
            raise


def sync_file(path: Path) -> None:
    """The same for a file that is not open."""
    with path.open("rb") as file:
        sync(file.fileno())


def sync_folder(path: Path) -> None:
    """Write the names in a folder to the disk. Some file systems do not support this; the files are safe anyway."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
