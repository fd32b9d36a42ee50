"""What a source is, to be found out from its name and a few bytes, and what can be done with every kind of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Protocol

from vfi_cli.errors import UsageError
from vfi_cli.video.animated import is_animation
from vfi_cli.video.decode import Decoder, decode
from vfi_cli.video.forms import PIPE
from vfi_cli.video.pictures import is_picture
from vfi_cli.video.pipe import PipeInput
from vfi_cli.video.probe import probe
from vfi_cli.video.sequence import PictureSequence, is_pattern
from vfi_cli.video.types import ClipInfo
from vfi_cli.video.webp import WebpFile


class Source(Protocol):
    """Something with frames in it."""

    @property
    def path(self) -> Path:
        """As the user calls it."""

    @property
    def beside(self) -> Path:
        """What an output is put beside, and named after."""

    def probe(self) -> ClipInfo:
        """What it holds, see `probe.probe`."""

    def decode(self, info: ClipInfo, start: Fraction | None = None, stop: Fraction | None = None) -> Decoder:
        """Its frames, see `decode.decode`; `info` is what `probe` said."""


def open_source(path: Path, rate: Fraction | None = None) -> Source:
    """The source that `path` means: standard input if it is "-", else what exists under that name, else a pattern.

    rate: of pictures, in frames per second; None leaves it at `sequence.DEFAULT_RATE`.

    Raises:
        InputError: no picture is in the folder, or meant by the pattern.
        UsageError: there is a rate for what has one of its own.
    """
    if path != PIPE and _means_pictures(path):
        return PictureSequence(path, rate)
    if rate is not None:
        raise UsageError("--input-fps is for pictures: a video has a rate of its own", path=path)
    if path.suffix.lower() == ".webp" and path.is_file():
        return WebpFile(path)
    return PipeInput() if path == PIPE else VideoFile(path)


def _means_pictures(path: Path) -> bool:
    try:
        return path.is_dir() or _is_still(path) or (is_pattern(path) and not path.exists())
    except OSError:  # no name for a file: who reads it will say so
        return False


def _is_still(path: Path) -> bool:
    return is_picture(path) and path.is_file() and not is_animation(path)


class VideoFile:
    """A file that FFmpeg reads as video."""

    def __init__(self, path: Path) -> None:
        self.path = self.beside = path

    def probe(self) -> ClipInfo:
        return probe(self.path)

    def decode(self, info: ClipInfo, start: Fraction | None = None, stop: Fraction | None = None) -> Decoder:
        return decode(info, start, stop)
