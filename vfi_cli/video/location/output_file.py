"""The output file: made in a folder beside its final place, and moved there only when it is complete.

out.mp4           as it was, until the end
.out.mp4.vfi/     lock          held by the run at work; the system lets go of it when that run dies
                  part          the file being written
                  ...           what a resumable job keeps, see `write.segments` and `journal`
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from vfi_cli.errors import CommitError, OutputError
from vfi_cli.video.location.disk import sync_file, sync_folder
from vfi_cli.video.location.output_lock import OutputLock, creating


class OutputFile:
    """Reserves `path` for one run, by locking a folder beside it.

    As a context manager it removes the folder at the end, unless it is `kept` for a later run.

    Args:
        path: the final file.
        source: the input, which must not be the same file.
        overwrite: an existing file is replaced, at the very end.

    Attributes:
        part: the file to write.
        folder: where it is, and whatever a later run can use.
        kept: leave all but `temp_path` in the folder; at first, whether an earlier run has left something there.

    Raises OutputError, before anything is computed: the place cannot be written, is taken, is in use by another
    run, or is no place for a file. Links are never followed.
    """

    def __init__(self, path: Path, *, source: Path | None = None, overwrite: bool = False) -> None:
        self.path = path
        self.overwrite = overwrite
        self.kept = False
        with creating(path):
            self._check_place(source)
        self._lock = OutputLock(path)
        self.folder = self._lock.folder
        self.temp_path = self.folder / "part"
        try:
            with creating(path):
                self.temp_path.unlink(missing_ok=True)  # left by a dead run; it may be a hard link to the final file
                self.kept = any(self._lock.contents())
                self._check_place(source)  # a run that just ended may have written it
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

    def commit(self) -> None:
        """Make `temp_path` the final file, in one step and only after its bytes are on the disk."""
        try:
            sync_file(self.temp_path)
            if self.overwrite:
                self.temp_path.replace(self.path)
            else:
                self._put_beside()
            sync_folder(self.path.parent)
            self.kept = False
        except FileExistsError as error:
            raise CommitError("appeared while it was being made", path=self.path, remedy="-y replaces it") from error
        except OSError as error:
            raise CommitError(f"cannot be put in place: {error.strerror}", path=self.path) from error

    def _put_beside(self) -> None:
        try:
            self.path.hardlink_to(self.temp_path)  # unlike a rename, never replaces
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            self._check_place(None)
            self.temp_path.replace(self.path)
        else:
            self.temp_path.unlink()

    def _release(self) -> None:
        """Remove the files that are not kept."""
        with suppress(OSError):
            self.temp_path.unlink(missing_ok=True)
            for entry in () if self.kept else self._lock.contents():
                if not entry.is_dir():  # a folder of pictures with the same name may have left folders
                    entry.unlink()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()
