"""Files that were joined end to end, as `cat a.mkv b.mkv` does: where each of them begins.

Only for containers whose demuxer reads the first file and skips or misreads the rest. Transport and programme streams
are not among them: their demuxers read all files.
"""

from __future__ import annotations

import mmap
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from vfi_cli.video.container.structure import MATROSKA, MOVIE, Element, walk

_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_MXF_PARTITION = bytes.fromhex("060e2b34020501010d0102010102")  # of a header
_EBML = b"\x1a\x45\xdf\xa3"
_DOCUMENTS = (b"matroska", b"webm")
_NUT_MARK = b"nut/multimedia container\0"
_DOUBTED = 4  # elements; where a part breaks off, the last ones that were found may be bytes of the next part


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
    starts: set[int] = set()
    with path.open("rb") as file:
        if container == "nut":
            starts.update(_find_all(file, _NUT_MARK))
        elif container in _KINDS:
            starts.update(_KINDS[container].starts(_elements(file, container, size)))
    inner = sorted(starts - {0})
    return tuple(Part(start, end) for start, end in zip([0, *inner], [*inner, size], strict=True))


def _elements(file: BinaryIO, container: str, size: int) -> Iterator[Element]:
    """The elements of all parts.

    Where a part breaks off, its last element seems to extend into the next part. The walk then continues at the next
    place where a file can begin.
    """
    kind = _KINDS[container]
    begin: int | None = 0
    while begin is not None:
        last: deque[Element] = deque(maxlen=_DOUBTED)
        for element in walk(file, container, begin):
            last.append(element)
            if element.end is not None:
                yield element
        if not last or last[-1].end == size:
            return
        marked = max([begin, *(element.position for element in last if kind.is_marked(element))])
        tail = deque(walk(file, container, marked, inside=True), maxlen=_DOUBTED)
        after = tail[0].position + 1
        marks = (next(_find_all(file, mark, after + kind.ahead), None) for mark in kind.marks)
        begin = min((at - kind.ahead for at in marks if at is not None), default=None)


def unread_notes(parts: Sequence[Part]) -> tuple[str, ...]:
    """A note for the user about parts that are not read, if there are any."""
    if not parts:
        return ()
    files = "another file is" if len(parts) == 1 else f"{len(parts)} other files are"
    why = "the streams differ or are damaged"
    return (f"{files} joined to the end and not read, because {why}: split the file at byte {parts[0].start}",)


def _find_all(file: BinaryIO, mark: bytes, begin: int = 0) -> Iterator[int]:
    """Where `mark` lies in the file, from byte `begin` on."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(mark, begin)
        while at >= 0:
            yield at
            at = data.find(mark, at + 1)


def _begins(mark: bytes, ahead: int = 0) -> Callable[[Iterator[Element]], Iterator[int]]:
    """Finds elements with which a file begins: they have `mark` after the first `ahead` bytes."""
    return lambda elements: (element.position for element in elements if element.head[ahead:].startswith(mark))


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


def _documents(elements: Iterator[Element]) -> Iterator[int]:
    """Matroska: an EBML header that names the kind of the document. A long file has the ID elsewhere too, by chance."""
    for element in elements:
        head = element.head[: (element.end or 0) - element.position]
        if head.startswith(_EBML) and any(kind in head for kind in _DOCUMENTS):
            yield element.position


def _chains(elements: Iterator[Element]) -> Iterator[int]:
    """Ogg: the first pages of all streams come first; more of them after other pages begin a chained file."""
    began = False
    for element in elements:
        first = len(element.head) > 5 and bool(element.head[5] & 2)
        if first and not began:
            yield element.position
        began = first


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the files of a container begin.

    Args:
        starts: finds the beginnings among the elements.
        marks: bytes with which files begin, after the first `ahead` bytes.
    """

    starts: Callable[[Iterator[Element]], Iterator[int]]
    marks: tuple[bytes, ...]
    ahead: int = 0

    def is_marked(self, element: Element) -> bool:
        """Whether a file can begin with `element`."""
        return element.head[self.ahead :].startswith(self.marks)


_KINDS = {
    MOVIE: _Kind(_movies, (b"ftyp",), 4),
    MATROSKA: _Kind(_documents, (_EBML,)),
    "avi": _Kind(_begins(b"AVI ", 8), (b"AVI LIST",), 8),  # a large file goes on with AVIX
    "ogg": _Kind(_chains, (b"OggS\0\2" + bytes(8),)),
    "flv": _Kind(_begins(b"FLV\1"), tuple(b"FLV\1" + bytes([flags, 0, 0, 0, 9]) for flags in (1, 4, 5))),
    "asf": _Kind(_begins(_ASF_HEADER), (_ASF_HEADER,)),
    "mxf": _Kind(_begins(_MXF_PARTITION), (_MXF_PARTITION,)),
}
