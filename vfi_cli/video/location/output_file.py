"""The output file: written in a hidden folder beside its final path, and moved there only when it is complete.

out.mp4           unchanged until the end
.out.mp4.vfi/     lock          held by the active run; the system releases it when that run dies
                  part          the file being written
                  ...           what a resumable job keeps, see `write.segments` and `jobs.interp.journal`
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from vfi_cli.disk import sync_file, sync_folder
from vfi_cli.errors import CommitError, OutputError
from vfi_cli.video.location.output_location import OutputLocation
from vfi_cli.video.location.output_lock import OutputLock, creating


class OutputFile(OutputLocation):
    """Reserves the file `path` for one run, by locking a folder beside it.

    As a context manager it removes the folder at the end, unless `kept` is True.

    Args:
        path: the final file.
        source: path of the source; it must not be the same file.
        overwrite: replace an existing file, at the very end.

    Attributes:
        temp_path: the file to write.
        folder: the folder of `temp_path` and of everything that a later run can use.
        kept: leave the folder, without `temp_path`, for a later run. At first, whether an earlier run left files in it.

    Raises OutputError, before any work, if `path` cannot be written, exists, is in use by another run, or is not a path
    for a file. Links are never followed.
    """

    def __init__(self, path: Path, *, source: Path | None = None, overwrite: bool = False) -> None:
        self.path = path
        self.overwrite = overwrite
        self.kept = False
        with creating(path):
            self._check_path(source)
        self._lock = OutputLock(path)
        self.folder = self._lock.folder
        self.temp_path = self.folder / "part"
        try:
            with creating(path):
                self.temp_path.unlink(missing_ok=True)  # a dead run left it; it may be a hard link to the final file
                self.kept = any(self._lock.contents())
                self._check_path(source)  # a run that just ended may have written it
        except BaseException:
            self.release()
            raise

    def _check_path(self, source: Path | None) -> None:
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
        """Move `temp_path` to the final path, in one step, after its bytes are on the disk. Raises CommitError."""
        try:
            sync_file(self.temp_path)
            if self.overwrite:
                self.temp_path.replace(self.path)
            else:
                self._commit_without_replacing()
            sync_folder(self.path.parent)
            self.kept = False
        except FileExistsError as error:
            raise CommitError(
                "was created by another program during the run", path=self.path, remedy="-y replaces it"
            ) from error
        except OSError as error:
            raise CommitError(f"cannot be moved to its final path: {error.strerror}", path=self.path) from error

    def _commit_without_replacing(self) -> None:
        try:
            self.path.hardlink_to(self.temp_path)  # unlike a rename, it never replaces a file
        except FileExistsError:
            raise
        except OSError:  # the file system has no hard links
            self._check_path(None)
            self.temp_path.replace(self.path)
        else:
            self.temp_path.unlink()

    def release(self) -> None:
        """Remove the files that are not kept, and release the lock."""
        with suppress(OSError):
            self.temp_path.unlink(missing_ok=True)
            for entry in () if self.kept else self._lock.contents():
                if not entry.is_dir():  # `OutputFolder` uses the same place and may have left folders
                    entry.unlink()
        self._lock.release()
