"""Converts EXR images, which hold linear light as unbounded floats, to sRGB codes. Detects truncated EXR files.

The interpolation and the other formats use sRGB codes from black to white. So values outside of 0 to 1 are clipped. The
sRGB curve maps the other values to 16 bits, which are enough to keep different half floats different.
"""

from __future__ import annotations

import struct

import av
import numpy as np
from numpy.typing import NDArray

_WHITE = 65_535
_CODES = {"gbrpf": "gbrp16le", "gbrapf": "gbrap16le", "grayf": "gray16le"}
_FLOATS = {"32le": np.float32, "16le": np.float16}
_TILED, _DEEP, _MULTIPART = 0x200, 0x800, 0x1000  # flags in the version field


def to_codes(image: av.VideoFrame) -> tuple[av.VideoFrame, bool]:
    """Return the image with sRGB codes instead of linear floats, and whether any value was clipped.

    Opacity stays linear. An image of integers is returned as it is.
    """
    kind, depth = image.format.name[:-4], image.format.name[-4:]
    if kind not in _CODES:
        return image, False
    frame = av.VideoFrame(image.width, image.height, _CODES[kind])
    clipped = False
    for index, (source, target) in enumerate(zip(image.planes, frame.planes, strict=True)):
        rows = np.frombuffer(memoryview(source), _FLOATS[depth]).reshape(source.height, -1)
        values = np.nan_to_num(rows[:, : source.width].astype(np.float32), nan=0.0)
        clipped |= bool((values < 0).any() or (values > 1).any())
        values = values.clip(0, 1)
        codes = np.frombuffer(memoryview(target), np.uint16).reshape(target.height, -1)
        codes[:, : target.width] = np.rint((values if index == 3 else to_srgb(values)) * _WHITE)
    return frame, clipped


def to_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return sRGB values in [0, 1] for linear light in [0, 1] (IEC 61966-2-1)."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


def to_linear(srgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inverse of `to_srgb`."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


def is_truncated(data: bytes) -> bool:
    """Whether the end of the file is missing, which FFmpeg hides. False for deep images and for several in one file.

    https://openexr.com/en/latest/OpenEXRFileLayout.html describes the layout of a file:
    1. attributes, each with a name, a type, a size and as many bytes; an empty name ends the list;
    2. the offsets of all chunks;
    3. the chunks, each with its coordinates, a size and as many bytes.
    """
    try:
        (flags,) = struct.unpack_from("<I", data, 4)
        if flags & (_DEEP | _MULTIPART):
            return False
        at = 8
        while data[at]:
            kind = data.index(b"\0", at) + 1
            size = data.index(b"\0", kind) + 1
            at = size + 4 + struct.unpack_from("<I", data, size)[0]
        at += 1
        first, last = len(data), 0
        while at < first:
            (offset,) = struct.unpack_from("<Q", data, at)
            first, last, at = min(first, offset), max(last, offset), at + 8
        coordinates = 16 if flags & _TILED else 4
        (length,) = struct.unpack_from("<I", data, last + coordinates)
        return bool(last + coordinates + 4 + length > len(data))
    except (struct.error, IndexError, ValueError):
        return True
