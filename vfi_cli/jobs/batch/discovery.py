"""Finds the videos of a folder, and the files that have the name of a video but cannot be read.

Videos are not opened. Of images that may be animations, the first bytes are read.
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from vfi_cli.errors import InputError, UsageError
from vfi_cli.file_names import VIDEO_SUFFIXES, natural_key
from vfi_cli.jobs.interp.plan import source_stem
from vfi_cli.video.image.animated import is_animation

_MAYBE_ANIMATED = frozenset({".avif", ".png", ".webp"})  # suffixes of images; animated ones count as videos
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A file or folder below the folder that was searched.

    Args:
        name: path relative to that folder.
        problem: why it cannot be read; "" if it can.
        made_from: the file stem of its source, if its name is that of an output of a video beside it; None if it is
            itself a source.
    """

    name: Path
    problem: str = ""
    made_from: str | None = None


def find_videos(folder: Path, match: Sequence[str] = (), *, exclude: Path | None = None) -> list[Found]:
    """All files below `folder` that have the name of a video, and all unreadable folders, in natural order.

    Each folder is visited once, under its own path rather than that of a link to it. Hidden files, hidden folders, and
    folders that contain `folder` are left out.

    Args:
        folder: the folder to search.
        match: shell patterns; at least one must fit. A pattern with a slash is compared with the path relative to
            `folder`, any other with the name. Empty: all names fit.
        exclude: a folder that is not searched, because outputs are written to it.

    Raises:
        InputError: `folder` does not exist, is not a folder, or cannot be read.
    """
    if not folder.is_dir():
        raise InputError("no such folder", path=folder)
    seen = {_identity(excluded) for excluded in (exclude,) if excluded is not None and excluded.exists()}
    ancestors = {_identity(parent) for parent in folder.resolve().parents}
    found: list[Found] = []
    folders, links = [folder], list[Path]()
    while folders or links:
        if not folders:
            links.sort(key=lambda link: _order(link.relative_to(folder)))
            folders.append(links.pop(0))
        current = folders.pop()
        if (identity := _identity(current)) in seen | ancestors:
            continue
        seen.add(identity)
        try:
            with os.scandir(current) as listing:
                entries = [entry for entry in listing if not entry.name.startswith(".")]
        except OSError as error:
            if current == folder:
                raise InputError(f"cannot be listed: {error.strerror}", path=folder) from error
            found.append(Found(current.relative_to(folder), f"the folder cannot be listed: {error.strerror}"))
            continue
        files = []
        for entry in entries:
            if not _is_folder(entry):
                files.append(Path(entry))
            elif entry.is_symlink():
                links.append(Path(entry))
            else:
                folders.append(Path(entry))
        found += _select_videos(folder, files, match)
    return sorted(found, key=lambda one: _order(one.name))


def listed_videos(folder: Path, names: Iterable[str]) -> list[Found]:
    """The files `names` below `folder`, in the same order, each once.

    Raises:
        InputError: `folder` does not exist or is not a folder.
        UsageError: a name leads out of `folder`.
    """
    if not folder.is_dir():
        raise InputError("no such folder", path=folder)
    found: dict[Path, Found] = {}
    for name in names:
        path = Path(name)
        if path.is_absolute() or ".." in path.parts:
            raise UsageError(
                f"{name!r} in the list leads out of {folder}", remedy="write names relative to that folder"
            )
        found[path] = Found(path, problem_of(folder / path))
    return list(found.values())


def read_list(path: Path) -> list[str]:
    """The lines of a file that are not empty. The names may hold any bytes.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        lines = _in_utf8(path.read_bytes()).splitlines()
    except OSError as error:
        raise InputError(f"the list cannot be read: {error.strerror}", path=path) from error
    return [os.fsdecode(line) for line in lines if line.strip()]


def _in_utf8(data: bytes) -> bytes:
    """A list as UTF-8, without the byte order mark that Windows writes."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "surrogatepass").encode("utf-8", "surrogatepass")
    return data.removeprefix(codecs.BOM_UTF8)


def problem_of(path: Path) -> str:
    """Why `path` is not a readable file; "" if it is one. The file is not opened, because that could block."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "a link to a file that does not exist" if path.is_symlink() else "no such file"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    for is_kind, name in _KINDS:
        if is_kind(mode):
            return f"is {name}, not a file"
    return "" if os.access(path, os.R_OK) else "cannot be read: no permission"


def _order(name: Path) -> list[list[tuple[int, int, str]]]:
    """Sort key of the natural order, folder by folder."""
    return [natural_key(Path(part)) for part in name.parts]


def _select_videos(folder: Path, paths: Sequence[Path], match: Sequence[str]) -> Iterator[Found]:
    """The videos among the files `paths` of one folder that fit `match`."""
    videos = [path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES or _is_animated(path)]
    stems = {path.stem for path in videos}
    for path in videos:
        name = path.relative_to(folder)
        if not _fits(name, match):
            continue
        origin = source_stem(path.stem)
        yield Found(name, problem_of(path), origin if origin in stems else None)


def _is_animated(path: Path) -> bool:
    return path.suffix.lower() in _MAYBE_ANIMATED and not problem_of(path) and is_animation(path)


def _fits(name: Path, match: Sequence[str]) -> bool:
    path = PurePosixPath(name).as_posix()
    return not match or any(fnmatchcase(path if "/" in pattern else name.name, pattern) for pattern in match)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # e.g. a link to itself
        return False


def _identity(path: Path) -> tuple[int, int]:
    """Device and inode, the same for all paths to one file or folder."""
    status = path.stat()
    return status.st_dev, status.st_ino
