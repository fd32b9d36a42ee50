"""Writes small image files and animations."""

from __future__ import annotations

import itertools
import struct
import zlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from tests.media import numbered_luma

ENCODERS = {".png": "png", ".jpg": "mjpeg", ".tif": "tiff", ".exr": "exr"}


def write_picture(path: Path, planes: list[np.ndarray], pix_fmt: str, **options: str) -> Path:
    """Write an image file of the kind of its suffix.

    Args:
        planes: one (H, W, C) array for a packed pixel format, (H, W) arrays for a planar one.
        options: options of the encoder.
    """
    height, width = planes[0].shape[:2]
    encoder = av.CodecContext.create(ENCODERS[path.suffix], "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, pix_fmt, Fraction(1, 25)
    encoder.color_range, encoder.thread_count, encoder.options = 2, 1, options
    frame = av.VideoFrame(width, height, pix_fmt)
    for plane, values in zip(frame.planes, planes, strict=True):
        stored = values.astype(values.dtype.newbyteorder(">" if pix_fmt.endswith("be") else "="))
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
        row = np.ascontiguousarray(stored.reshape(plane.height, -1)).view(np.uint8)
        rows[:, : row.shape[1]] = row
    frame.pts = 0
    path.write_bytes(b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None))))
    return path


def write_number(path: Path, number: int, width: int = 64, height: int = 48) -> Path:
    """Write an image that shows `number`, see `media.number_of`, in a usual pixel format for its kind of file."""
    luma = numbered_luma(number, width, height)
    if path.suffix == ".jpg":
        chroma = np.full((height, width), 128, np.uint8)
        return write_picture(path, [luma, chroma, chroma], "yuvj444p")
    if path.suffix == ".exr":
        return write_picture(path, [(luma > 128).astype(np.float32)] * 3, "gbrpf32le")
    return write_picture(path, [np.repeat(luma[..., None], 3, axis=2)], "rgb24")


def make_folder(folder: Path, count: int = 5, name: str = "{:04d}.png", first: int = 1, **size: int) -> Path:
    """Make a folder of images that show 0, 1, ..., with names that count from `first`."""
    folder.mkdir()
    for number in range(count):
        write_number(folder / name.format(first + number), number, **size)
    return folder


def header_bomb(path: Path, side: int = 16_000) -> Path:
    """Write a PNG file of a few bytes whose header states a width and height of `side` pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


@dataclass(frozen=True, slots=True)
class Tile:
    """A frame of an animation: a rectangle of one colour."""

    color: tuple[int, int, int, int]  # R, G, B, A
    span: int = 100  # milliseconds
    place: tuple[int, int] = (0, 0)  # x, y of its top left corner
    size: tuple[int, int] = (64, 48)  # width, height
    over: bool = False  # blended over the canvas; if False, it replaces the rectangle
    clear: bool = False  # the rectangle becomes transparent after the frame

    @property
    def codes(self) -> np.ndarray:
        width, height = self.size
        return np.full((height, width, 4), self.color, np.uint8)


def write_webp(path: Path, tiles: list[Tile], *, alpha: bool = True, quality: int = 101) -> Path:
    """Write an animated WebP of 64x48. A `quality` over 100 is lossless."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)

    def short(*numbers: int) -> bytes:
        return b"".join(number.to_bytes(3, "little") for number in numbers)

    body = chunk(b"VP8X", bytes([2 + 16 * alpha, 0, 0, 0]) + short(63, 47)) + chunk(b"ANIM", bytes(6))
    for tile in tiles:
        webp = cv2.imencode(".webp", tile.codes[..., [2, 1, 0, 3]], [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()
        frame = webp[30:] if webp[12:16] == b"VP8X" else webp[12:]
        header = short(*(side // 2 for side in tile.place), *(side - 1 for side in tile.size), tile.span)
        body += chunk(b"ANMF", header + bytes([2 * (not tile.over) + tile.clear]) + frame)
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body)
    return path


def write_apng(path: Path, tiles: list[Tile]) -> Path:
    """Write an animated PNG of 64x48."""
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 6, 0, 0, 0))
    data += png_chunk(b"acTL", struct.pack(">II", len(tiles), 0))
    number = itertools.count()
    for index, tile in enumerate(tiles):
        control = (next(number), *tile.size, *tile.place, tile.span, 1000, tile.clear, tile.over)
        data += png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", *control))
        rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in tile.codes))
        data += png_chunk(b"fdAT", struct.pack(">I", next(number)) + rows) if index else png_chunk(b"IDAT", rows)
    path.write_bytes(data + png_chunk(b"IEND", b""))
    return path


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
