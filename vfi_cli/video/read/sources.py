"""Opens a source. Its name and first bytes show its kind. `Source` lists the operations that every kind has."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from vfi_cli.errors import UsageError
from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.formats import PIPE
from vfi_cli.video.image.animated import is_animation
from vfi_cli.video.image.image_file import is_image
from vfi_cli.video.read.animated_webp import WebpFile
from vfi_cli.video.read.decode import Decoder, decode
from vfi_cli.video.read.fields import find_fields
from vfi_cli.video.read.image_sequence import ImageSequence, is_pattern
from vfi_cli.video.read.pipe import PipeInput
from vfi_cli.video.read.probe import probe
from vfi_cli.video.read.retime import at_rate

_DEMUXERS_WITHOUT_RATE = ("mjpeg", "h261", "h263", "dnxhd")  # FFmpeg's names; their rate is a default of FFmpeg


class Source(Protocol):
    """A video file, an image sequence, an animation or a pipe."""

    @property
    def path(self) -> Path:
        """The path as the user gave it."""

    @property
    def beside(self) -> Path:
        """The path from which the default output gets its folder and its name."""

    def probe(self) -> ClipInfo:
        """What the source holds, see `probe.probe`."""

    def decode(self, info: ClipInfo, start: Fraction | None = None, stop: Fraction | None = None) -> Decoder:
        """The frames of the source, see `decode.decode`; `info` is the result of `probe`."""


def open_source(path: Path, rate: Fraction | None = None, video: int | None = None) -> Source:
    """The source at `path`: standard input ("-"), an existing file or folder, or a pattern for image files.

    Args:
        rate: frames per second; None: the rate of the source, or `image_sequence.DEFAULT_RATE` for images.
        video: number of the video stream, counted from 0; None: see `choose_stream.choose_video`.

    Raises:
        InputError: the folder holds no image, or no image matches the pattern.
        UsageError: `video` is given, but the source has no streams.
    """
    images = path != PIPE and _is_image_sequence(path)
    animation = path.suffix.lower() == ".webp" and not images
    if video is not None and (images or animation or path == PIPE):
        raise UsageError("--video-stream is only for video files", path=path)
    if images:
        return ImageSequence(path, rate)
    if animation:
        return WebpFile(path, rate)
    return PipeInput(rate=rate) if path == PIPE else VideoFile(path, rate, video)


def _is_image_sequence(path: Path) -> bool:
    try:
        return path.is_dir() or _is_image(path) or (is_pattern(path) and not path.exists())
    except OSError:  # no file can have this name: the reader reports it
        return False


def _is_image(path: Path) -> bool:
    return is_image(path) and path.is_file() and not is_animation(path)


class VideoFile:
    """A file that FFmpeg reads as video; see `open_source` for `rate` and `video`."""

    def __init__(self, path: Path, rate: Fraction | None = None, video: int | None = None) -> None:
        self.path = self.beside = path
        self._rate = rate
        self._video = video

    def probe(self) -> ClipInfo:
        info = probe(self.path, self._video)
        info = replace(info, fields_at=find_fields(info))
        if self._rate is not None:
            return at_rate(info, self._rate)
        if info.container in _DEMUXERS_WITHOUT_RATE:
            note = f"the file does not state its frame rate: {float(info.average_rate):g} is assumed, see --input-fps"
            info = replace(info, notes=(*info.notes, note))
        return info

    def decode(self, info: ClipInfo, start: Fraction | None = None, stop: Fraction | None = None) -> Decoder:
        return decode(info, start, stop)
