"""Reads one image file: PNG, JPEG, TIFF, EXR or WebP.

FFmpeg's decoder gets the whole file as one packet.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import av

from vfi_cli.cpus import available_cpus
from vfi_cli.errors import InputError, LimitError
from vfi_cli.video.image import exr
from vfi_cli.video.image.exif import Bytes, Turn, read_turn
from vfi_cli.video.limits import MAX_PIXELS, SIZE_LIMIT, check_size

DECODERS = {
    ".png": "png",
    ".apng": "png",
    ".jpg": "mjpeg",
    ".jpeg": "mjpeg",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".exr": "exr",
    ".webp": "webp",
}
MAX_BYTES = 16 * MAX_PIXELS  # the largest file: four uncompressed floats per pixel

# Without these options, the decoders hide damage.
_STRICT = {"png": {"err_detect": "crccheck"}, "mjpeg": {"err_detect": "explode"}}
LIMITS = {codec: {**SIZE_LIMIT, **_STRICT.get(codec, {})} for codec in DECODERS.values()}
"""Options of the decoders, by codec."""

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "mjpeg",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"v/1\x01": "exr",
    b"RIFF": "webp",
}


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded image file.

    Args:
        frame: the image, not turned.
        codec: FFmpeg's name.
        turn: orientation, see `exif`.
        damaged: whether a part of the image is missing.
        clipped: whether some values were outside the range that `frame` can hold.
    """

    frame: av.VideoFrame
    codec: str
    turn: Turn
    damaged: bool = False
    clipped: bool = False


def is_image(path: Path) -> bool:
    """Whether `path` has the suffix of an image file."""
    return path.suffix.lower() in DECODERS


def read_image(path: Path) -> Picture | None:
    """Return the image in the file at `path`; None if nothing of it can be decoded.

    Raises:
        InputError: if there is no such file, or it cannot be opened.
        LimitError: if the image is larger than the limits for frames.
    """
    data = _read_bytes(path)
    codec = find_decoder(data, path)
    frame = decode_image(data, codec, path, LIMITS[codec])
    damaged = frame is None or (codec == "exr" and exr.is_truncated(data))
    if frame is None and codec == "mjpeg":  # decode the part before the damage
        frame = decode_image(data, codec, path)
    if frame is None:
        return None
    check_size(frame.width, frame.height, path)
    converted, clipped = exr.to_codes(frame) if codec == "exr" else (frame, False)
    if converted.format.name == "pal8" and has_transparent_palette(data):
        converted = converted.reformat(format="rgba")
    return Picture(converted, codec, read_turn(data, codec), damaged or frame.is_corrupt, clipped)


def find_decoder(data: bytes, path: Path) -> str:
    """Return the decoder for the file at `path`, from its first bytes `data`, because the suffix can be wrong."""
    decoders = (codec for signature, codec in _SIGNATURES.items() if data.startswith(signature))
    return next(decoders, DECODERS[path.suffix.lower()])


def has_transparent_palette(data: Bytes) -> bool:
    """Whether the palette of a PNG file has transparent colours."""
    start = data[: 64 * 1024]
    return b"tRNS" in start[: start.find(b"IDAT")]


def decode_image(data: bytes, codec: str, path: Path, options: Mapping[str, str] = SIZE_LIMIT) -> av.VideoFrame | None:
    """Return the image in `data`, the bytes of the file at `path`; None if it cannot be decoded.

    Raises LimitError if the image is too large.
    """
    if not data:
        return None
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.options = dict(options)
    decoder.thread_type, decoder.thread_count = "SLICE", available_cpus()
    try:
        frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    except av.ArgumentError as error:  # FFmpeg raises this only if the image is too large
        raise LimitError(
            f"the image is larger than {MAX_PIXELS} pixels", path=path, remedy="scale the images down first"
        ) from error
    except av.FFmpegError:
        return None
    frame = frames[0] if frames else None
    assert frame is None or isinstance(frame, av.VideoFrame)
    return frame


def _read_bytes(path: Path) -> bytes:
    """Return the content of the file at `path`. Raises InputError, or LimitError if it is larger than MAX_BYTES."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError("is not a file", path=path)
        if status.st_size > MAX_BYTES:
            raise LimitError(f"the file is larger than {MAX_BYTES} bytes", path=path)
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error
