"""Small picture files, written with PyAV's encoders when a test asks for them."""

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
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


@dataclass(frozen=True, slots=True)
class Tile:
    """A frame of an animation: a plain colour, (R, G, B, A), of `size` (width, height) at `place`, for `span` ms."""

    color: tuple[int, int, int, int]
    span: int = 100
    place: tuple[int, int] = (0, 0)
    size: tuple[int, int] = (64, 48)
    over: bool = False  # blended with what is there; else it takes its place
    clear: bool = False  # its place is transparent afterwards

    @property
    def codes(self) -> np.ndarray:
        width, height = self.size
        return np.full((height, width, 4), self.color, np.uint8)


def write_webp(path: Path, tiles: list[Tile], *, alpha: bool = True, quality: int = 101) -> Path:
    """An animated WebP of 64x48; `quality` over 100 is lossless."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)

    def short(*numbers: int) -> bytes:
        return b"".join(number.to_bytes(3, "little") for number in numbers)

    body = chunk(b"VP8X", bytes([2 + 16 * alpha, 0, 0, 0]) + short(63, 47)) + chunk(b"ANIM", bytes(6))
    for tile in tiles:
        still = cv2.imencode(".webp", tile.codes[..., [2, 1, 0, 3]], [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()
        picture = still[30:] if still[12:16] == b"VP8X" else still[12:]
        head = short(*(side // 2 for side in tile.place), *(side - 1 for side in tile.size), tile.span)
        body += chunk(b"ANMF", head + bytes([2 * (not tile.over) + tile.clear]) + picture)
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body)
    return path


def write_apng(path: Path, tiles: list[Tile]) -> Path:
    """An animated PNG of 64x48."""
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
