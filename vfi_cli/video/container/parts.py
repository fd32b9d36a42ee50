"""Finds the parts of a file that was joined from several files, as `cat a.mkv b.mkv` does.

This is needed only for containers whose demuxer reads the first part and skips or misreads the rest. The demuxers of
transport streams and program streams read all parts.
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
_MXF_PARTITION = bytes.fromhex("060e2b34020501010d0102010102")  # the key of a header partition
_EBML = b"\x1a\x45\xdf\xa3"
_DOC_TYPES = (b"matroska", b"webm")
_NUT_SIGNATURE = b"nut/multimedia container\0"
_UNCERTAIN = 4  # elements; the last ones before a broken end may really be bytes of the next part


@dataclass(frozen=True, slots=True)
class Part:
    """One of the files that were joined: the bytes from `start` up to, not including, `end`."""

    start: int
    end: int


def find_parts(path: Path, container: str) -> tuple[Part, ...]:
    """Return the parts of the file at `path` in their order; one part if nothing was joined.

    container: FFmpeg's name of the demuxer. Raises OSError if the file cannot be read.
    """
    state = path.stat()
    return _cached_parts(path, container, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)  # one job opens a file several times
def _cached_parts(path: Path, container: str, size: int, changed: int) -> tuple[Part, ...]:
    starts: set[int] = set()
    with path.open("rb") as file:
        if container == "nut":
            starts.update(_find_all(file, _NUT_SIGNATURE))
        elif container in _FORMATS:
            starts.update(_FORMATS[container].starts(_elements(file, container, size)))
    inner = sorted(starts - {0})
    return tuple(Part(start, end) for start, end in zip([0, *inner], [*inner, size], strict=True))


def _elements(file: BinaryIO, container: str, size: int) -> Iterator[Element]:
    """Yield the elements of all parts.

    If a part is incomplete, its last element seems to extend into the next part. The walk then continues at the next
    place where a file can begin.
    """
    format = _FORMATS[container]
    begin: int | None = 0
    while begin is not None:
        last: deque[Element] = deque(maxlen=_UNCERTAIN)
        for element in walk(file, container, begin):
            last.append(element)
            if element.end is not None:
                yield element
        if not last or last[-1].end == size:
            return
        last_beginning = max([begin, *(element.position for element in last if format.can_begin_file(element))])
        tail = deque(walk(file, container, last_beginning, inside=True), maxlen=_UNCERTAIN)
        after = tail[0].position + 1
        found = (next(_find_all(file, signature, after + format.offset), None) for signature in format.signatures)
        begin = min((at - format.offset for at in found if at is not None), default=None)


def unread_notes(parts: Sequence[Part]) -> tuple[str, ...]:
    """Return a note for the user about the `parts` that are not read; no note if there are none."""
    if not parts:
        return ()
    files = "another file is" if len(parts) == 1 else f"{len(parts)} other files are"
    why = "the streams differ or are damaged"
    return (f"{files} joined to the end and not read, because {why}: split the file at byte {parts[0].start}",)


def _find_all(file: BinaryIO, signature: bytes, begin: int = 0) -> Iterator[int]:
    """Yield the positions of `signature` in the file, from byte `begin` on."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(signature, begin)
        while at >= 0:
            yield at
            at = data.find(signature, at + 1)


def _begins(signature: bytes, offset: int = 0) -> Callable[[Iterator[Element]], Iterator[int]]:
    """Return a function that yields the positions of elements with `signature` at byte `offset`: they begin a file."""
    return lambda elements: (element.position for element in elements if element.head[offset:].startswith(signature))


def _movies(elements: Iterator[Element]) -> Iterator[int]:
    """MP4: a file begins with a `ftyp` box that a `moov` box follows. Fragments may repeat `ftyp` without `moov`."""
    begin: int | None = None
    for element in elements:
        kind = element.head[4:8]
        if kind == b"ftyp":
            begin = element.position
        elif kind == b"moov" and begin is not None:
            yield begin
            begin = None


def _ebml_headers(elements: Iterator[Element]) -> Iterator[int]:
    """Matroska: a file begins with an EBML header that states the DocType. The bare ID may occur by chance."""
    for element in elements:
        head = element.head[: (element.end or 0) - element.position]
        if head.startswith(_EBML) and any(kind in head for kind in _DOC_TYPES):
            yield element.position


def _first_pages(elements: Iterator[Element]) -> Iterator[int]:
    """Ogg: a file begins with the first pages of all its streams. First pages after other pages begin the next file."""
    began = False
    for element in elements:
        first = len(element.head) > 5 and bool(element.head[5] & 2)
        if first and not began:
            yield element.position
        began = first


@dataclass(frozen=True, slots=True)
class _Format:
    """How the files of a container begin.

    Args:
        starts: finds the positions where files begin, given the elements.
        signatures: a file has one of them at byte `offset`.
        offset: byte position of the signature, from the beginning of the file.
    """

    starts: Callable[[Iterator[Element]], Iterator[int]]
    signatures: tuple[bytes, ...]
    offset: int = 0

    def can_begin_file(self, element: Element) -> bool:
        """Whether `element` can be the first of a file."""
        return element.head[self.offset :].startswith(self.signatures)


_FORMATS = {
    MOVIE: _Format(_movies, (b"ftyp",), 4),
    MATROSKA: _Format(_ebml_headers, (_EBML,)),
    "avi": _Format(_begins(b"AVI ", 8), (b"AVI LIST",), 8),  # a large file continues with chunks of type AVIX
    "ogg": _Format(_first_pages, (b"OggS\0\2" + bytes(8),)),
    "flv": _Format(_begins(b"FLV\1"), tuple(b"FLV\1" + bytes([flags, 0, 0, 0, 9]) for flags in (1, 4, 5))),
    "asf": _Format(_begins(_ASF_HEADER), (_ASF_HEADER,)),
    "mxf": _Format(_begins(_MXF_PARTITION), (_MXF_PARTITION,)),
}
