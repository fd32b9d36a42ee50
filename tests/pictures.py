"""Small picture files, written with PyAV's encoders when a test asks for them."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.media import numbered_luma

ENCODERS = {".png": "png", ".jpg": "mjpeg", ".tif": "tiff", ".exr": "exr"}


def write_picture(path: Path, planes: list[np.ndarray], pix_fmt: str, **options: str) -> Path:
    """One file of the kind its name says; packed formats have a single (H, W, C) plane, planar ones (H, W) planes."""
    height, width = planes[0].shape[:2]
    encoder = av.CodecContext.create(ENCODERS[path.suffix], "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, pix_fmt, Fraction(1, 25)
    encoder.color_range, encoder.thread_count, encoder.options = 2, 1, options
    picture = av.VideoFrame(width, height, pix_fmt)
    for plane, codes in zip(picture.planes, planes, strict=True):
        stored = codes.astype(codes.dtype.newbyteorder(">" if pix_fmt.endswith("be") else "="))
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
        row = np.ascontiguousarray(stored.reshape(plane.height, -1)).view(np.uint8)
        rows[:, : row.shape[1]] = row
    picture.pts = 0
    path.write_bytes(b"".join(bytes(packet) for packet in (*encoder.encode(picture), *encoder.encode(None))))
    return path


def write_number(path: Path, number: int, width: int = 64, height: int = 48) -> Path:
    """A picture that shows `number`, see `media.number_of`, in the usual format of its kind."""
    luma = numbered_luma(number, width, height)
    if path.suffix == ".jpg":
        chroma = np.full((height, width), 128, np.uint8)
        return write_picture(path, [luma, chroma, chroma], "yuvj444p")
    if path.suffix == ".exr":
        return write_picture(path, [(luma > 128).astype(np.float32)] * 3, "gbrpf32le")
    return write_picture(path, [np.repeat(luma[..., None], 3, axis=2)], "rgb24")


def make_folder(folder: Path, count: int = 5, name: str = "{:04d}.png", first: int = 1, **size: int) -> Path:
    """A folder of pictures that show 0, 1, ..., with names that count from `first`."""
    folder.mkdir()
    for number in range(count):
        write_number(folder / name.format(first + number), number, **size)
    return folder


def header_bomb(path: Path, side: int = 16_000) -> Path:
    """A PNG file of a few bytes that says it is `side` pixels wide and high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path
