"""The errors of vfi, and the exit code of each.

    VfiError              1  base class; the exit code of a bug in vfi
    |- UsageError         2  an option is wrong, or options contradict each other
    |- InputError         3  the input cannot be read, or vfi does not support it
    |  `- FieldsError     3  the input is interlaced, and no option says how to read it
    |- OutputError        4  the output cannot be written
    |  |- DiskFullError   4  the disk is full
    |  `- CommitError     4  the output is complete, but cannot be moved to its name
    |- ModelError         6  weights or device
    |  `- DeviceError     6  the device or the precision is not available, or the device failed
    `- LimitError         7  the input exceeds a safety limit

Exit code 5 (done, but the input was damaged) is a result, not an error: see `jobs.interp.summary.Summary`.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import ClassVar


class VfiError(Exception):
    """An error for the user, in one sentence: what is wrong, with which file (`path`), what to do (`remedy`)."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, path: str | Path | None = None, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.path = path
        self.remedy = remedy

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path is not None else ""
        remedy = f" ({self.remedy})" if self.remedy else ""
        return f"{where}{self.what}{remedy}"


class UsageError(VfiError):
    """The options contradict each other or a value is out of range."""

    exit_code = 2


class InputError(VfiError):
    """The input is missing, unreadable, or of a kind that is not supported."""

    exit_code = 3


class FieldsError(InputError):
    """The video is interlaced, or becomes interlaced later, and no option says how to read it."""

    def __init__(self, what: str, *, path: str | Path | None = None) -> None:
        remedy = "add --deinterlace, or --progressive if its frames are progressive but marked as interlaced"
        super().__init__(what, path=path, remedy=remedy)


class OutputError(VfiError):
    """The output cannot be created or written, or failed its check."""

    exit_code = 4


class DiskFullError(OutputError):
    """The disk or the quota is full, or the file exceeds the size limit of the system."""


class CommitError(OutputError):
    """The finished output cannot be moved to its name."""


class ModelError(VfiError):
    """Weights are missing, damaged, or do not fit the architecture."""

    exit_code = 6


class DeviceError(ModelError):
    """The requested device or precision is not available, or the device failed."""


class LimitError(VfiError):
    """The input asks for more than the safety limits allow."""

    exit_code = 7


def cannot_write(path: str | Path, error: Exception) -> OutputError:
    """The error to raise after the system or FFmpeg failed with `error` to write `path`."""
    reason = f"cannot be written: {getattr(error, 'strerror', None) or error}"
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFullError(reason, path=path, remedy="free some disk space")
    return OutputError(reason, path=path)
