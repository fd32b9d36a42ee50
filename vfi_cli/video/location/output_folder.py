"""A folder of images as an output: filled beside its final path, and moved there when it is complete.

frames/           unchanged until the end
.frames.vfi/      lock          see `output_lock`
                  pictures/     the folder being filled
                  old/          the replaced folder, between the two renames
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from vfi_cli.disk import sync_file, sync_folder
from vfi_cli.errors import OutputError
from vfi_cli.file_names import natural_key
from vfi_cli.video.location.output_location import OutputLocation
from vfi_cli.video.location.output_lock import OutputLock, creating
from vfi_cli.video.read.image_sequence import number_pattern

log = logging.getLogger(__name__)


class OutputFolder(OutputLocation):
    """Reserves the folder of `pattern` for one run, by locking another folder beside it.

    As a context manager it removes the new folder at the end, unless `commit` moved it to its final path.

    Args:
        pattern: the final names of the images, e.g. frames/%06d.png.
        source: path of the source; it must not be in that folder.
        overwrite: replace an existing folder, at the very end, if it holds only images whose names fit `pattern`.

    Attributes:
        temp_path: the folder to fill.

    Raises OutputError, before any work, if the folder cannot be written, holds files, or is in use by another run.
    Links are never followed.
    """

    def __init__(self, pattern: Path, *, source: Path | None = None, overwrite: bool = False) -> None:
        self.path = pattern.parent
        self.overwrite = overwrite
        self._names = number_pattern(pattern.name)
        self._absolute = Path(os.path.abspath(self.path))  # noqa: PTH100  # "." has no siblings; keeps links
        with creating(self.path):
            self._check_path(source)
        self._lock = OutputLock(self._absolute)
        self.temp_path = self._lock.folder / "pictures"
        self._old = self._lock.folder / "old"
        try:
            with creating(self.path):
                self._clean_up()  # a killed run may have left files
                self._check_path(source)  # a run that just ended may have written it
                self.temp_path.mkdir()
        except BaseException:
            self.release()
            raise

    def _check_path(self, source: Path | None) -> None:
        path = self.path
        if not self._absolute.parent.is_dir():
            raise OutputError("the parent folder does not exist", path=path, remedy=f"create {path.parent} first")
        if path.is_symlink():
            raise OutputError("is a link, which is not followed", path=path, remedy="name the folder itself")
        if not path.exists():
            return
        if not path.is_dir():
            raise OutputError("exists and is not a folder", path=path, remedy="choose another name with -o")
        if Path.cwd().is_relative_to(path.resolve()):
            raise OutputError("is the current folder", path=path, remedy="name a new one, e.g. -o frames/")
        for folder in (source, source.parent) if source is not None else ():
            if folder.exists() and path.samefile(folder):
                raise OutputError("is the folder of the input", path=path, remedy="choose another one with -o")
        others = [child for child in self._children() if not self._is_ours(child)]
        if others:
            raise OutputError(
                f"holds other files, such as {min(others).name}", path=path, remedy="choose a new folder with -o"
            )
        if not self.overwrite and any(self._children()):
            raise OutputError("exists already and holds images", path=path, remedy="-y replaces them")

    def _children(self) -> Iterator[Path]:
        try:
            yield from self.path.iterdir()
        except OSError as error:
            raise OutputError(f"cannot be read: {error.strerror}", path=self.path) from error

    def _is_ours(self, child: Path) -> bool:
        return bool(self._names.fullmatch(child.name)) and child.is_file() and not child.is_symlink()

    def commit(self) -> None:
        """Move `temp_path` to the final path, after its bytes are on the disk. Raises OutputError."""
        try:
            for image in sorted(self.temp_path.iterdir(), key=natural_key):
                sync_file(image)
            sync_folder(self.temp_path)
            if self.overwrite and self.path.exists():
                self._check_path(None)  # other files may have been added since the first check
                self.path.rename(self._old)
            self.temp_path.rename(self.path)
            sync_folder(self._absolute.parent)
        except OSError as error:
            taken = self.path.exists() and not self.overwrite
            raise OutputError(
                "was created by another program during the run"
                if taken
                else f"cannot be moved to its final path: {error.strerror}",
                path=self.path,
                remedy="-y replaces it" if taken else "",
            ) from error

    def _clean_up(self) -> None:
        """Remove `temp_path`. Remove the old folder if the new one has replaced it, else rename it back."""
        if self._old.exists():
            if self.temp_path.exists():
                self._restore_old()
            else:
                shutil.rmtree(self._old)
        if self.temp_path.exists():
            shutil.rmtree(self.temp_path)

    def _restore_old(self) -> None:
        """Rename the old folder back, or to a similar name if another file now has its name."""
        try:
            self._old.rename(self.path)
        except OSError:
            names = (self._absolute.with_name(f"{self._absolute.name}.old{number or ''}") for number in count())
            free = next(name for name in names if not os.path.lexists(name))
            self._old.rename(free)
            log.warning("%s: its earlier images are now in %s", self.path, free.name)

    def release(self) -> None:
        with suppress(OSError):
            self._clean_up()
        self._lock.release()
