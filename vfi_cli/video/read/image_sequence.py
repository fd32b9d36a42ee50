"""Numbered pictures as a clip: a folder, a pattern such as 'frames/%04d.png' or 'frames/*.png', or a single file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import translate
from fractions import Fraction
from itertools import pairwise
from math import floor
from pathlib import Path

import av

from vfi_cli.errors import InputError
from vfi_cli.file_names import natural_key
from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.image.animated import is_animation
from vfi_cli.video.image.image_file import DECODERS, Picture, is_picture, read_picture
from vfi_cli.video.image.image_header import Header, read_header
from vfi_cli.video.properties.pixels import nearest_format, read_color
from vfi_cli.video.properties.preserved import read_properties
from vfi_cli.video.read.decode import Decoder
from vfi_cli.video.read.reader import Stamped, refuse_change
from vfi_cli.video.read.unify import richest, turned_size, unified
from vfi_cli.video.types import PlaneFormat

DEFAULT_RATE = Fraction(25)  # what FFmpeg takes a sequence for

_NAMED = 3  # damaged pictures, in a note
_NUMBER = re.compile(r"%(0\d+)?d")


def is_pattern(path: Path) -> bool:
    """Whether the name stands for several files: %d, %04d, or one of * ? [ in it."""
    return bool(_NUMBER.search(path.name) or re.search(r"[*?\[]", path.name))


def find_pictures(path: Path) -> list[Path]:
    """The pictures that `path` means, in order. Raises InputError if there is none, or several kinds of them."""
    if path.is_file():
        return [path]
    folder = path if path.is_dir() else path.parent
    try:
        children = [child for child in folder.iterdir() if is_picture(child) and not child.name.startswith(".")]
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=folder) from error
    if folder != path:
        name = number_pattern(path.name) if _NUMBER.search(path.name) else re.compile(translate(path.name))
        children = [child for child in children if name.fullmatch(child.name)]
    if not children:
        names = ", ".join(DECODERS)
        raise InputError(
            "no picture is in this folder" if folder == path else "no picture has such a name",
            path=path,
            remedy=f"pictures are {names} files",
        )
    kinds = {DECODERS[child.suffix.lower()] for child in children}
    if len(kinds) > 1:
        raise InputError(
            f"holds pictures of several kinds: {', '.join(sorted(kinds))}",
            path=path,
            remedy=f"choose some, e.g. '{folder / '*'}{children[0].suffix}'",
        )
    return sorted(children, key=natural_key)


def number_pattern(name: str) -> re.Pattern[str]:
    """The names that a name with %d or %04d in it stands for; the name itself, if there is no such thing in it."""
    number = _NUMBER.search(name)
    if number is None:
        return re.compile(re.escape(name))
    digits = f"\\d{{{int(number[1])},}}" if number[1] else "\\d+"
    before, after = name[: number.start()], name[number.end() :]
    return re.compile(re.escape(before.replace("%%", "%")) + digits + re.escape(after.replace("%%", "%")))


def positions(files: Sequence[Path]) -> list[int]:
    """Where in the sequence each picture stands, from 0 on: pictures that are missing in the numbering leave a gap.

    Numbers that do not count pictures, because their steps are not multiples of the smallest one or because most of
    them are missing, say nothing: then the pictures follow each other.
    """
    numbers = _numbers(files)
    steps = [right - left for left, right in pairwise(numbers)]
    step = min(steps, default=0)
    if step > 0 and all(gap % step == 0 for gap in steps) and sum(steps) // step < 2 * len(files):
        return [(number - numbers[0]) // step for number in numbers]
    return list(range(len(files)))


def _numbers(files: Sequence[Path]) -> list[int]:
    """The one number in which the names differ; nothing if there is no such number."""
    split = [re.split(r"(\d+)", file.stem) for file in files]
    shapes = {tuple(parts[::2]) for parts in split}
    if len(shapes) != 1:
        return []
    columns = [column for column in zip(*(parts[1::2] for parts in split), strict=True) if len(set(column)) > 1]
    return [int(digits) for digits in columns[0]] if len(columns) == 1 else []


class ImageSequence:
    """The pictures that `path` means as a clip of `rate` frames per second. A `sources.Source`.

    A picture that is damaged or missing in the numbering is a lost frame: the others keep their times.

    Raises InputError if there is no picture, or of several kinds.
    """

    def __init__(self, path: Path, rate: Fraction | None = None) -> None:
        self.path = path
        self._rate = rate
        self._files = find_pictures(path)
        self._positions = positions(self._files)

    @property
    def beside(self) -> Path:
        """The folder, or the single picture."""
        return self.path if self.path.exists() else self.path.parent.resolve()

    def probe(self) -> ClipInfo:
        """See `probe.probe`; all pictures are turned like the first one.

        Raises InputError if none can be read, their sizes differ, or one of several is an animation.
        """
        rate = self._rate or DEFAULT_RATE
        found = ((at, file, read_picture(file)) for at, file in zip(self._positions, self._files, strict=True))
        first = next(((at, file, picture) for at, file, picture in found if picture is not None), None)
        if first is None:
            raise InputError("no picture can be decoded", path=self.path, remedy="are the files damaged?")
        at, file, picture = first
        frame, notes = picture.frame, list[str]()
        headers = self._headers(file, picture) if len(self._files) > 1 else {}
        stored = {header.stored: header.format for header in headers.values()}
        turned = any(header.turn != picture.turn for header in headers.values())
        if len(stored) > 1 or turned:
            format = richest(stored.values(), square=turned)
            pix_fmt, like = format.pix_fmt, self._like(format, headers) or frame
        else:
            format, pix_fmt, like = nearest_format(frame.format), frame.format.name, frame
        if len(stored) > 1:
            notes.append(f"the pictures are stored as {' and '.join(sorted(stored))}: all are read as {pix_fmt}")
        if turned:
            notes.append(f"some pictures are not turned like {file.name}: their pixels are turned to match it")
        color = read_color(like, like.format, notes, file)
        properties = dict(read_properties(None, frame))
        if DECODERS[file.suffix.lower()] == "tiff":
            properties.pop("EXIF", None)  # the tags that every TIFF file is made of
        if self._rate is None and len(self._files) > 1:
            notes.append(f"the pictures are shown at {rate} per second: --input-fps says otherwise")
        return ClipInfo(
            path=self.path,
            container="image2",
            index=0,
            codec=picture.codec,
            width=frame.width,
            height=frame.height,
            pix_fmt=pix_fmt,
            format=format,
            color=color,
            average_rate=rate,
            time_base=1 / rate,
            start=at / rate,
            origin=at / rate,
            duration=(self._positions[-1] + 1 - at) / rate,
            declared=False,
            frame_count=len(self._files),
            vfr=False,
            rotation=picture.turn[0],
            mirrored=picture.turn[1],
            properties=properties,
            notes=tuple(notes),
        )

    def _headers(self, first: Path, picture: Picture) -> dict[Path, Header]:
        """The headers that can be read. Raises InputError unless all match the `first` picture."""
        headers = {}
        for file in filter(Path.is_file, self._files):
            if is_animation(file):
                raise InputError(f"{file.name} is an animation", path=self.path, remedy="interpolate it by itself")
            header = read_header(file)
            if header is not None:
                headers[file] = header
                self._refuse_size(first, picture, file, header)
        return headers

    def _refuse_size(self, first: Path, picture: Picture, file: Path, header: Header) -> None:
        size = (picture.frame.width, picture.frame.height)
        other = turned_size(header.width, header.height, header.turn, picture.turn)
        if other != size:
            raise InputError(
                f"the picture changes size in {file.name}: {size[0]}x{size[1]} to {other[0]}x{other[1]}",
                path=self.path,
                remedy=f"scale all pictures to the size of {first.name}, or choose those of one size",
            )

    def _like(self, format: PlaneFormat, headers: Mapping[Path, Header]) -> av.VideoFrame | None:
        """The first picture that has colours of the same kind."""
        alike = (read_picture(file) for file, header in headers.items() if header.format.kind == format.kind)
        return next((picture.frame for picture in alike if picture is not None), None)

    def decode(self, info: ClipInfo, start: Fraction | None = None, stop: Fraction | None = None) -> Decoder:
        """See `decode.decode`."""
        first = floor((info.start + start) / info.time_base) if start else 0
        wanted = [(at, file) for at, file in zip(self._positions, self._files, strict=True) if at >= first]
        return Decoder(info, _ImageReader(info, wanted), start, stop)


class _ImageReader:
    """Reads `files`, each at its position, one when it is asked for. A `reader.Reader`."""

    def __init__(self, info: ClipInfo, files: Sequence[tuple[int, Path]]) -> None:
        self.damaged = self.count = self.unstamped = 0
        self._info = info
        self._files = files
        self._missing = self._clipped = 0
        self._broken: list[str] = []

    @property
    def notes(self) -> list[str]:
        broken, more = self._broken[:_NAMED], len(self._broken) - _NAMED
        notes = {
            f"damaged: {', '.join(broken)}{f' and {more} more' if more > 0 else ''}": self._broken,
            f"pictures missing in the numbering: {self._missing}": self._missing,
            f"values outside of 0 to 1 were clipped in {self._clipped} of the pictures": self._clipped,
        }
        return [note for note, true in notes.items() if true]

    def pictures(self) -> Iterator[Stamped]:
        expected = self._files[0][0] if self._files else 0
        for at, file in self._files:
            self._missing += at - expected
            self.damaged += at - expected
            expected = at + 1
            picture = read_picture(file)
            if picture is None or picture.damaged:
                self.damaged += 1
                self._broken.append(file.name)
            if picture is None:
                continue
            frame = self._unified(picture)
            refuse_change(frame, self._info, f"in {file.name}")
            self.count += 1
            self._clipped += picture.clipped
            yield frame, at

    def _unified(self, picture: Picture) -> av.VideoFrame:
        """The picture in the format and orientation of the clip."""
        frame, info = picture.frame, self._info
        if frame.format.name == info.pix_fmt and picture.turn == (info.rotation, info.mirrored):
            return frame
        return unified(frame, read_color(frame, frame.format, [], info.path), picture.turn, info)

    def interrupt(self) -> None:
        pass  # a file never lets anyone wait

    def close(self) -> None:
        pass  # no file stays open
