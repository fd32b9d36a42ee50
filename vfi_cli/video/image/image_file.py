"""One picture file, read: PNG, JPEG, TIFF, EXR or WebP.

FFmpeg's decoders are given the whole file as one packet.
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
from vfi_cli.video.limits import MAX_PIXELS, PICTURE_LIMIT, check_size

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
MAX_BYTES = 16 * MAX_PIXELS  # of a file: four floats a pixel, uncompressed

# Without these, damage is painted over.
_STRICT = {"png": {"err_detect": "crccheck"}, "mjpeg": {"err_detect": "explode"}}
LIMITS = {codec: {**PICTURE_LIMIT, **_STRICT.get(codec, {})} for codec in DECODERS.values()}
"""Options of the decoders."""

_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "mjpeg",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"v/1\x01": "exr",
    b"RIFF": "webp",
}


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What a file holds.

    codec: FFmpeg's name. turn: how a player turns it, see `exif`; `frame` is not turned. damaged: a part is missing.
    clipped: some values are out of the range that `frame` can hold.
    """

    frame: av.VideoFrame
    codec: str
    turn: Turn
    damaged: bool = False
    clipped: bool = False


def is_picture(path: Path) -> bool:
    """Whether the name is that of a picture file."""
    return path.suffix.lower() in DECODERS


def read_picture(path: Path) -> Picture | None:
    """The picture in the file at `path`; None if nothing of it can be decoded.

    Raises:
        InputError: there is no such file, or it cannot be opened.
        LimitError: the picture is larger than a video may be.
    """
    data = _bytes(path)
    codec = kind_of(data, path)
    frame = decode_picture(data, codec, path, LIMITS[codec])
    damaged = frame is None or (codec == "exr" and exr.ends_early(data))
    if frame is None and codec == "mjpeg":  # as far as it goes
        frame = decode_picture(data, codec, path)
    if frame is None:
        return None
    check_size(frame.width, frame.height, path)
    coded, clipped = exr.to_codes(frame) if codec == "exr" else (frame, False)
    if coded.format.name == "pal8" and sees_through(data):
        coded = coded.reformat(format="rgba")
    return Picture(coded, codec, read_turn(data, codec), damaged or frame.is_corrupt, clipped)


def kind_of(data: bytes, path: Path) -> str:
    """The decoder for the file at `path`, chosen by its first bytes `data`: the suffix can be wrong."""
    kinds = (codec for beginning, codec in _BEGINNINGS.items() if data.startswith(beginning))
    return next(kinds, DECODERS[path.suffix.lower()])


def sees_through(data: Bytes) -> bool:
    """Whether a PNG with a palette has transparent colours."""
    chunks = data[: 64 * 1024]
    return b"tRNS" in chunks[: chunks.find(b"IDAT")]


def decode_picture(
    data: bytes, codec: str, path: Path, options: Mapping[str, str] = PICTURE_LIMIT
) -> av.VideoFrame | None:
    """The picture in `data`, the bytes of the file at `path`; None if it cannot be decoded. Raises LimitError."""
    if not data:
        return None
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.options = dict(options)
    decoder.thread_type, decoder.thread_count = "SLICE", available_cpus()
    try:
        frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    except av.ArgumentError as error:  # so it is only for the size
        raise LimitError(
            f"the picture is larger than {MAX_PIXELS} pixels", path=path, remedy="scale the pictures down first"
        ) from error
    except av.FFmpegError:
        return None
    frame = frames[0] if frames else None
    assert frame is None or isinstance(frame, av.VideoFrame)
    return frame


def _bytes(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError("is not a file", path=path)
        if status.st_size > MAX_BYTES:
            raise LimitError(f"the file is larger than {MAX_BYTES} bytes", path=path)
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error
