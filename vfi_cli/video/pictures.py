"""One picture file, read: PNG, JPEG, TIFF, EXR or WebP.

FFmpeg's decoders are given the whole file as one packet. EXR holds linear light without bounds; what is computed
with, and what other formats hold, are sRGB codes from black to white. So values outside of 0 to 1 are clipped, and
the others go through the sRGB curve into 16 bits, which keeps what a half float can tell apart.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from vfi_cli.cpus import available_cpus
from vfi_cli.errors import InputError, LimitError
from vfi_cli.video.probe import MAX_PIXELS, PICTURE_LIMIT, check_size

DECODERS = {
    ".png": "png",
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
_WHITE = 65_535
_CODES = {"gbrpf32le": "gbrp16le", "gbrapf32le": "gbrap16le", "grayf32le": "gray16le"}


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What a file holds.

    damaged: not all of it. clipped: some values are out of the range that `frame` can hold.
    """

    frame: av.VideoFrame
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
    codec = DECODERS[path.suffix.lower()]
    frame = _decoded(data, codec, path, _STRICT.get(codec, {}))
    damaged = frame is None
    if frame is None and codec == "mjpeg":  # as far as it goes
        frame = _decoded(data, codec, path, {})
    if frame is None:
        return None
    check_size(frame.width, frame.height, path)
    coded, clipped = _coded(frame) if frame.format.name in _CODES else (frame, False)
    return Picture(coded, damaged or frame.is_corrupt, clipped)


def _decoded(data: bytes, codec: str, path: Path, options: Mapping[str, str]) -> av.VideoFrame | None:
    if not data:
        return None
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.options = {**PICTURE_LIMIT, **options}
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


def _coded(picture: av.VideoFrame) -> tuple[av.VideoFrame, bool]:
    """Linear floats as sRGB codes, and whether any had to be clipped; opacity stays linear."""
    frame = av.VideoFrame(picture.width, picture.height, _CODES[picture.format.name])
    clipped = False
    for index, (source, target) in enumerate(zip(picture.planes, frame.planes, strict=True)):
        values = np.frombuffer(memoryview(source), np.float32).reshape(source.height, -1)[:, : source.width]
        values = np.nan_to_num(values, nan=0.0)
        clipped |= bool((values < 0).any() or (values > 1).any())
        values = values.clip(0, 1)
        rows = np.frombuffer(memoryview(target), np.uint16).reshape(target.height, -1)
        rows[:, : target.width] = np.rint((values if index == 3 else to_srgb(values)) * _WHITE)
    return frame, clipped


def to_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """IEC 61966-2-1: light in [0, 1] to what is stored of it, in [0, 1]."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


def to_linear(srgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inverse of `to_srgb`."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)
