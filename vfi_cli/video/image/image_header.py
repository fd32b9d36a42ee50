"""Reads the headers of image files, without decoding the images."""

from __future__ import annotations

import mmap
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
from av.video.format import VideoFormat

from vfi_cli.video.image.exif import Turn, read_turn
from vfi_cli.video.image.image_file import LIMITS, find_decoder, has_transparent_palette
from vfi_cli.video.properties.pixels import nearest_format
from vfi_cli.video.types import PlaneFormat

_HEAD = 64 * 1024  # bytes; enough for the header of nearly every file except TIFF and WebP


@dataclass(frozen=True, slots=True)
class Header:
    """The header of an image file.

    Args:
        width, height: pixels.
        stored: pixel format that `image_file.read_image` returns; for EXR with floats, the format before conversion.
        turn: orientation, see `exif`.
    """

    width: int
    height: int
    stored: str
    turn: Turn

    @property
    def format(self) -> PlaneFormat:
        """The plane format of the decoded image."""
        return nearest_format(VideoFormat(self.stored))


def read_header(path: Path) -> Header | None:
    """Return the header of the file at `path`; None if it cannot be read."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            codec = find_decoder(data[:_HEAD], path)
            decoder = _read_with_decoder(data[:_HEAD], codec) or _read_with_decoder(data[:], codec)
            if decoder is None or decoder.pix_fmt is None:
                return None
            stored = "rgba" if decoder.pix_fmt == "pal8" and has_transparent_palette(data) else decoder.pix_fmt
            return Header(decoder.width, decoder.height, stored, read_turn(data, codec))
    except (OSError, ValueError):  # mmap does not take an empty file
        return None


def _read_with_decoder(data: bytes, codec: str) -> av.VideoCodecContext | None:
    """Return a decoder that has read the header in `data`; None if it found no header."""
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.options = dict(LIMITS[codec])
    decoder.skip_frame = "ALL"  # read only the header
    decoder.thread_count = 1
    with suppress(av.FFmpegError):  # the data may end early: only the header is needed
        decoder.decode(av.Packet(data))
    return decoder if decoder.width and decoder.pix_fmt else None
