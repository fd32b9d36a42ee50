"""Which files of a folder are videos to work on, and which look like one but cannot be read.

No video is opened here. Pictures that may be animations have their first bytes read.
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
from vfi_cli.jobs.interp.plan import output_of
from vfi_cli.video.image.animated import is_animation

_PICTURES = frozenset({".avif", ".png", ".webp"})  # count as videos if they are animated
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """An entry below the folder that was searched.

    Args:
        name: relative to that folder.
        problem: why it cannot be read; "" if it seems to be fine.
        made_from: the entry beside it that it is an output of, by its name; None if it is a source.
    """

    name: Path
    problem: str = ""
    made_from: str | None = None


def find_videos(folder: Path, match: Sequence[str] = (), *, without: Path | None = None) -> list[Found]:
    """Every entry below `folder` that is called like a video, in natural order; unreadable folders too.

    A folder is visited once, by its own name rather than by that of a link to it; one that contains `folder` never.
    Hidden files and folders are passed over.

    Args:
        match: patterns of the shell, of which one must fit: the path from `folder` on if it has a slash, else the name.
        without: a folder not to look into, because it is written to.

    Raises:
        InputError: `folder` is none, or cannot be read.
    """
    if not folder.is_dir():
        raise InputError("no such folder", path=folder)
    seen = {_identity(place) for place in (without,) if place is not None and place.exists()}
    around = {_identity(place) for place in folder.resolve().parents}
    found: list[Found] = []
    folders, links = [folder], list[Path]()
    while folders or links:
        if not folders:
            links.sort(key=lambda link: _order(link.relative_to(folder)))
            folders.append(links.pop(0))
        place = folders.pop()
        if (identity := _identity(place)) in seen | around:
            continue
        seen.add(identity)
        try:
            with os.scandir(place) as listing:
                entries = [entry for entry in listing if not entry.name.startswith(".")]
        except OSError as error:
            if place == folder:
                raise InputError(f"cannot be listed: {error.strerror}", path=folder) from error
            found.append(Found(place.relative_to(folder), f"the folder cannot be listed: {error.strerror}"))
            continue
        files = []
        for entry in entries:
            if not _is_folder(entry):
                files.append(Path(entry))
            elif entry.is_symlink():
                links.append(Path(entry))
            else:
                folders.append(Path(entry))
        found += _videos(folder, files, match)
    return sorted(found, key=lambda one: _order(one.name))


def listed_videos(folder: Path, names: Iterable[str]) -> list[Found]:
    """The files below `folder` that a list names, in its order, each once.

    Raises:
        InputError: `folder` is none.
        UsageError: a name leads out of `folder`.
    """
    if not folder.is_dir():
        raise InputError("no such folder", path=folder)
    found: dict[Path, Found] = {}
    for name in names:
        path = Path(name)
        if path.is_absolute() or ".." in path.parts:
            raise UsageError(
                f"{name!r} in the list leads out of {folder}", remedy="name files relative to the folder of the input"
            )
        found[path] = Found(path, problem_of(folder / path))
    return list(found.values())


def read_list(path: Path) -> list[str]:
    """The lines of a file, without the empty ones; names may hold any bytes.

    Raises:
        InputError: it cannot be read.
    """
    try:
        lines = _in_utf8(path.read_bytes()).splitlines()
    except OSError as error:
        raise InputError(f"the list cannot be read: {error.strerror}", path=path) from error
    return [os.fsdecode(line) for line in lines if line.strip()]


def _in_utf8(data: bytes) -> bytes:
    """The text of a list, without the byte order mark that Windows writes."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "surrogatepass").encode("utf-8", "surrogatepass")
    return data.removeprefix(codecs.BOM_UTF8)


def problem_of(path: Path) -> str:
    """Why `path` is no file that can be read, "" if it is one; it is not opened: that could block."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "a link to nothing" if path.is_symlink() else "no such file"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    for is_kind, name in _KINDS:
        if is_kind(mode):
            return f"is {name}, not a file"
    return "" if os.access(path, os.R_OK) else "cannot be read: no permission"


def _order(name: Path) -> list[list[tuple[int, int, str]]]:
    return [natural_key(Path(part)) for part in name.parts]


def _videos(folder: Path, paths: Sequence[Path], match: Sequence[str]) -> Iterator[Found]:
    """Those of the entries of one place that are asked for."""
    videos = [path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES or _is_animated(path)]
    stems = {path.stem for path in videos}
    for path in videos:
        name = path.relative_to(folder)
        if not _fits(name, match):
            continue
        origin = output_of(path.stem)
        yield Found(name, problem_of(path), origin if origin in stems else None)


def _is_animated(path: Path) -> bool:
    return path.suffix.lower() in _PICTURES and not problem_of(path) and is_animation(path)


def _fits(name: Path, match: Sequence[str]) -> bool:
    path = PurePosixPath(name).as_posix()
    return not match or any(fnmatchcase(path if "/" in pattern else name.name, pattern) for pattern in match)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
