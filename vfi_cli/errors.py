"""What can go wrong, and the exit code of each.

    VfiError            1  a bug of ours, if nothing more specific
    |- UsageError       2  the request makes no sense
    |- InputError       3  the input cannot be read, or is of a kind we do not read
    |  `- FieldsError   3  it is interlaced, and no option says how to read it
    |- OutputError      4  the output cannot be written
    |  |- DiskFullError     4  for want of room
    |  `- CommitError    4  although it is finished
    |- ModelError       6  weights or device
    |  `- DeviceError   6
    `- LimitError       7  a safety limit

Exit code 5 (done, but the input was damaged) is a result, not an error: see `jobs.interp.summary.Summary`.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import ClassVar


class VfiError(Exception):
    """One sentence for the user: what happened, to which file, and what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, path: str | Path | None = None, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.path = path
        self.remedy = remedy

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path is not None else ""
        todo = f" ({self.remedy})" if self.remedy else ""
        return f"{where}{self.what}{todo}"


class UsageError(VfiError):
    """The options contradict each other or a value is out of range."""

    exit_code = 2


class InputError(VfiError):
    """The input is missing, unreadable, or of a kind that is not supported."""

    exit_code = 3


class FieldsError(InputError):
    """The picture is interlaced, or becomes interlaced, and no option says how to read it."""

    def __init__(self, what: str, *, path: str | Path | None = None) -> None:
        remedy = "add --deinterlace, or --progressive if its pictures are whole but marked as fields"
        super().__init__(what, path=path, remedy=remedy)


class OutputError(VfiError):
    """The output cannot be created, written, or failed its check."""

    exit_code = 4


class DiskFullError(OutputError):
    """The disk is full, or the file grows beyond what the system allows."""


class CommitError(OutputError):
    """The finished file cannot be put in its place."""


class ModelError(VfiError):
    """Weights are missing, damaged, or do not fit the architecture."""

    exit_code = 6


class DeviceError(ModelError):
    """The requested device or precision is not to be had."""


class LimitError(VfiError):
    """The input asks for more than the safety limits allow."""

    exit_code = 7


def cannot_write(path: str | Path, error: Exception) -> OutputError:
    """The error to show for one that the system or FFmpeg raised while `path` was being written."""
    reason = f"cannot be written: {getattr(error, 'strerror', None) or error}"
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFullError(reason, path=path, remedy="make room")
    return OutputError(reason, path=path)
