"""Numbered images as a clip: a folder, a pattern such as 'frames/%04d.png' or 'frames/*.png', or a single file."""

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
from vfi_cli.video.image.image_file import DECODERS, Picture, is_image, read_image
from vfi_cli.video.image.image_header import Header, read_header
from vfi_cli.video.properties.pixels import nearest_format, read_color
from vfi_cli.video.properties.preserved import read_properties
from vfi_cli.video.read.decode import Decoder
from vfi_cli.video.read.reader import StampedFrame, refuse_change
from vfi_cli.video.read.unify import common_format, to_clip_format, turned_size
from vfi_cli.video.types import PlaneFormat

DEFAULT_RATE = Fraction(25)  # FFmpeg's default for image sequences

_MAX_LISTED = 3  # damaged images that a note lists
_NUMBER = re.compile(r"%(0\d+)?d")


def is_pattern(path: Path) -> bool:
    """Whether the file name is a pattern for several files: it contains %d, %04d, *, ? or [."""
    return bool(_NUMBER.search(path.name) or re.search(r"[*?\[]", path.name))


def find_images(path: Path) -> list[Path]:
    """The image files of a folder, a pattern or a single file, in natural order.

    Raises InputError if there is no image, or if the images are of several kinds.
    """
    if path.is_file():
        return [path]
    folder = path if path.is_dir() else path.parent
    try:
        children = [child for child in folder.iterdir() if is_image(child) and not child.name.startswith(".")]
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=folder) from error
    if folder != path:
        name = number_pattern(path.name) if _NUMBER.search(path.name) else re.compile(translate(path.name))
        children = [child for child in children if name.fullmatch(child.name)]
    if not children:
        names = ", ".join(DECODERS)
        raise InputError(
            "no image is in this folder" if folder == path else "no image matches this pattern",
            path=path,
            remedy=f"images are {names} files",
        )
    kinds = {DECODERS[child.suffix.lower()] for child in children}
    if len(kinds) > 1:
        raise InputError(
            f"holds images of several kinds: {', '.join(sorted(kinds))}",
            path=path,
            remedy=f"choose one kind, e.g. '{folder / '*'}{children[0].suffix}'",
        )
    return sorted(children, key=natural_key)


def number_pattern(name: str) -> re.Pattern[str]:
    """A regular expression for the file names that `name` stands for. `name` may contain one %d or %04d."""
    number = _NUMBER.search(name)
    if number is None:
        return re.compile(re.escape(name))
    digits = f"\\d{{{int(number[1])},}}" if number[1] else "\\d+"
    before, after = name[: number.start()], name[number.end() :]
    return re.compile(re.escape(before.replace("%%", "%")) + digits + re.escape(after.replace("%%", "%")))


def positions(files: Sequence[Path]) -> list[int]:
    """The position of each image in the sequence, from 0 on. Images that are missing in the numbering leave a gap.

    The function ignores numbers that do not count images: their steps are not multiples of the smallest step, or most
    of the numbers are missing. The positions are then 0, 1, 2, ...
    """
    numbers = _numbers(files)
    steps = [right - left for left, right in pairwise(numbers)]
    step = min(steps, default=0)
    if step > 0 and all(gap % step == 0 for gap in steps) and sum(steps) // step < 2 * len(files):
        return [(number - numbers[0]) // step for number in numbers]
    return list(range(len(files)))


def _numbers(files: Sequence[Path]) -> list[int]:
    """The number in each file name that differs between the names; empty if there is not exactly one."""
    split = [re.split(r"(\d+)", file.stem) for file in files]
    shapes = {tuple(parts[::2]) for parts in split}
    if len(shapes) != 1:
        return []
    columns = [column for column in zip(*(parts[1::2] for parts in split), strict=True) if len(set(column)) > 1]
    return [int(digits) for digits in columns[0]] if len(columns) == 1 else []


class ImageSequence:
    """A folder, a pattern or a single image file as a clip. Implements `sources.Source`.

    An image that is damaged, or missing in the numbering, is a lost frame. The other frames keep their times.

    Args:
        path: see `find_images`.
        rate: frames per second; None: `DEFAULT_RATE`.

    Raises InputError if there is no image, or if the images are of several kinds.
    """

    def __init__(self, path: Path, rate: Fraction | None = None) -> None:
        self.path = path
        self._rate = rate
        self._files = find_images(path)
        self._positions = positions(self._files)

    @property
    def beside(self) -> Path:
        """The folder, or the single image file."""
        return self.path if self.path.exists() else self.path.parent.resolve()

    def probe(self) -> ClipInfo:
        """See `probe.probe`. The orientation of the clip is that of the first image.

        Raises InputError if no image can be decoded, the sizes differ, or one of several images is an animation.
        """
        rate = self._rate or DEFAULT_RATE
        found = ((index, file, read_image(file)) for index, file in zip(self._positions, self._files, strict=True))
        first = next(((index, file, image) for index, file, image in found if image is not None), None)
        if first is None:
            raise InputError("no image can be decoded", path=self.path, remedy="are the files damaged?")
        index, file, image = first
        frame, notes = image.frame, list[str]()
        headers = self._headers(file, image) if len(self._files) > 1 else {}
        formats = {header.stored: header.format for header in headers.values()}
        turned = any(header.turn != image.turn for header in headers.values())
        if len(formats) > 1 or turned:
            format = common_format(formats.values(), square=turned)
            pix_fmt, color_source = format.pix_fmt, self._image_of_kind(format, headers) or frame
        else:
            format, pix_fmt, color_source = nearest_format(frame.format), frame.format.name, frame
        if len(formats) > 1:
            notes.append(f"the images are stored as {' and '.join(sorted(formats))}: all are read as {pix_fmt}")
        if turned:
            notes.append(f"some images are not turned like {file.name}: their pixels are turned to match it")
        color = read_color(color_source, color_source.format, notes, file)
        properties = dict(read_properties(None, frame))
        if DECODERS[file.suffix.lower()] == "tiff":
            properties.pop("EXIF", None)  # every TIFF file is made of such tags
        if self._rate is None and len(self._files) > 1:
            notes.append(f"the images are shown at {rate} per second: --input-fps sets another rate")
        return ClipInfo(
            path=self.path,
            container="image2",
            index=0,
            codec=image.codec,
            width=frame.width,
            height=frame.height,
            pix_fmt=pix_fmt,
            format=format,
            color=color,
            average_rate=rate,
            time_base=1 / rate,
            start=index / rate,
            origin=index / rate,
            duration=(self._positions[-1] + 1 - index) / rate,
            declared=False,
            frame_count=len(self._files),
            vfr=False,
            rotation=image.turn[0],
            mirrored=image.turn[1],
            properties=properties,
            notes=tuple(notes),
        )

    def _headers(self, first: Path, image: Picture) -> dict[Path, Header]:
        """The headers that can be read. Raises InputError for an animation or an image of another size than `first`."""
        headers = {}
        for file in filter(Path.is_file, self._files):
            if is_animation(file):
                raise InputError(f"{file.name} is an animation", path=self.path, remedy="interpolate it by itself")
            header = read_header(file)
            if header is not None:
                headers[file] = header
                self._check_size(first, image, file, header)
        return headers

    def _check_size(self, first: Path, image: Picture, file: Path, header: Header) -> None:
        size = (image.frame.width, image.frame.height)
        other = turned_size(header.width, header.height, header.turn, image.turn)
        if other != size:
            raise InputError(
                f"the images change size in {file.name}: {size[0]}x{size[1]} to {other[0]}x{other[1]}",
                path=self.path,
                remedy=f"scale all images to the size of {first.name}, or choose images of one size",
            )

    def _image_of_kind(self, format: PlaneFormat, headers: Mapping[Path, Header]) -> av.VideoFrame | None:
        """The first image with colours of the kind of `format` (RGB, YUV or grey)."""
        images = (read_image(file) for file, header in headers.items() if header.format.kind == format.kind)
        return next((image.frame for image in images if image is not None), None)

    def decode(self, info: ClipInfo, start: Fraction | None = None, stop: Fraction | None = None) -> Decoder:
        """See `decode.decode`."""
        first = floor((info.start + start) / info.time_base) if start else 0
        wanted = [(index, file) for index, file in zip(self._positions, self._files, strict=True) if index >= first]
        return Decoder(info, _ImageReader(info, wanted), start, stop)


class _ImageReader:
    """Reads (position, file) pairs, each file when its frame is needed. Implements `reader.Reader`."""

    def __init__(self, info: ClipInfo, files: Sequence[tuple[int, Path]]) -> None:
        self.damaged = self.count = self.unstamped = 0
        self._info = info
        self._files = files
        self._missing_count = self._clipped_count = 0
        self._broken_names: list[str] = []

    @property
    def notes(self) -> list[str]:
        listed, more = self._broken_names[:_MAX_LISTED], len(self._broken_names) - _MAX_LISTED
        notes = {
            f"damaged: {', '.join(listed)}{f' and {more} more' if more > 0 else ''}": self._broken_names,
            f"images missing in the numbering: {self._missing_count}": self._missing_count,
            f"values outside of 0 to 1 were clipped in {self._clipped_count} of the images": self._clipped_count,
        }
        return [note for note, applies in notes.items() if applies]

    def frames(self) -> Iterator[StampedFrame]:
        expected = self._files[0][0] if self._files else 0
        for index, file in self._files:
            self._missing_count += index - expected
            self.damaged += index - expected
            expected = index + 1
            image = read_image(file)
            if image is None or image.damaged:
                self.damaged += 1
                self._broken_names.append(file.name)
            if image is None:
                continue
            frame = self._to_clip_format(image)
            refuse_change(frame, self._info, f"in {file.name}")
            self.count += 1
            self._clipped_count += image.clipped
            yield frame, index

    def _to_clip_format(self, image: Picture) -> av.VideoFrame:
        """The image in the format and orientation of the clip."""
        frame, info = image.frame, self._info
        if frame.format.name == info.pix_fmt and image.turn == (info.rotation, info.mirrored):
            return frame
        return to_clip_format(frame, read_color(frame, frame.format, [], info.path), image.turn, info)

    def interrupt(self) -> None:
        pass  # reading a file does not block

    def close(self) -> None:
        pass  # no file stays open
