"""Files that were joined end to end, as `cat a.mkv b.mkv` does: where each of them begins.

Only containers whose demuxer reads one file and leaves out or misreads what follows it. Transport and programme
streams have no beginning of their own, and their demuxers read on.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from vfi_cli.video.structure import Element, walk

_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_MXF_PARTITION = bytes.fromhex("060e2b34020501010d0102010102")  # of a header
_NUT_ID = b"nut/multimedia container\0"


@dataclass(frozen=True, slots=True)
class Part:
    """A file within a file: the bytes from `start` up to `end`."""

    start: int
    end: int


def find_parts(path: Path, container: str) -> tuple[Part, ...]:
    """The files that the file at `path` consists of; one if nothing was joined.

    container: demuxer name of FFmpeg. Raises OSError.
    """
    state = path.stat()
    return _find_parts(path, container, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)  # a file is opened several times for one job
def _find_parts(path: Path, container: str, size: int, changed: int) -> tuple[Part, ...]:
    starts: Iterable[int] = ()
    if container == "nut":
        starts = _find_all(path, _NUT_ID)
    elif container in _STARTS:
        with path.open("rb") as file:
            starts = list(_STARTS[container](walk(file, container)))
    inner = [start for start in starts if start]
    return tuple(Part(start, end) for start, end in zip([0, *inner], [*inner, size], strict=True))


def unread_notes(parts: Sequence[Part]) -> tuple[str, ...]:
    """A note for the user about parts that are not read, if there are any."""
    if not parts:
        return ()
    files = "another file is" if len(parts) == 1 else f"{len(parts)} other files are"
    return (
        f"{files} joined to the end, and not read: the streams differ, or are damaged; split at byte {parts[0].start}",
    )


def _find_all(path: Path, mark: bytes) -> list[int]:
    """Where `mark` lies in the file."""
    found: list[int] = []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(mark)
        while at >= 0:
            found.append(at)
            at = data.find(mark, at + 1)
    return found


def _begins(is_first: Callable[[bytes], bool]) -> Callable[[Iterator[Element]], Iterator[int]]:
    """Finds elements with which a file begins; `is_first` tells from their first bytes."""
    return lambda elements: (element.position for element in elements if is_first(element.head))


def _movies(elements: Iterator[Element]) -> Iterator[int]:
    """MP4: a `ftyp` box with a `moov` box after it; fragments can repeat `ftyp` alone."""
    begin: int | None = None
    for element in elements:
        kind = element.head[4:8]
        if kind == b"ftyp":
            begin = element.position
        elif kind == b"moov" and begin is not None:
            yield begin
            begin = None


def _chains(elements: Iterator[Element]) -> Iterator[int]:
    """Ogg: the first pages of all streams come first; more of them after other pages begin a chained file."""
    began = False
    for element in elements:
        first = len(element.head) > 5 and bool(element.head[5] & 2)
        if first and not began:
            yield element.position
        began = first


_STARTS: dict[str, Callable[[Iterator[Element]], Iterator[int]]] = {
    "mov,mp4,m4a,3gp,3g2,mj2": _movies,
    "matroska,webm": _begins(lambda head: head.startswith(b"\x1a\x45\xdf\xa3")),
    "avi": _begins(lambda head: head.startswith(b"RIFF") and head[8:12] == b"AVI "),  # a large file goes on with AVIX
    "ogg": _chains,
    "flv": _begins(lambda head: head.startswith(b"FLV")),
    "asf": _begins(lambda head: head.startswith(_ASF_HEADER)),
    "mxf": _begins(lambda head: head.startswith(_MXF_PARTITION)),
}
