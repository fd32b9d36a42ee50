"""The eight EXIF orientations are read from every image format that can store them."""

import struct
from fractions import Fraction

import cv2
import numpy as np
import pytest

from tests.pictures import png_chunk, write_picture
from vfi_cli.errors import InputError
from vfi_cli.video.image.exif import read_turn
from vfi_cli.video.read.sources import open_source

# What a viewer does to the pixels, EXIF 2.32, tag 0x0112.
SHOWN = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: a[::-1, ::-1],
    4: np.flipud,
    5: np.transpose,
    6: lambda a: a[::-1].T,
    7: lambda a: a[::-1, ::-1].T,
    8: lambda a: a.T[::-1],
}
QUARTERS = np.kron(np.array([[30, 90], [150, 220]], np.uint8), np.ones((24, 32), np.uint8))


def exif(orientation, order="<"):
    head = b"II*\0" if order == "<" else b"MM\0*"
    make = struct.pack(f"{order}HHII", 0x010F, 2, 4, 0x414243)
    turn = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    return head + struct.pack(f"{order}IH", 8, 2) + make + turn + bytes(4)


def tagged(path, orientation, codes=QUARTERS, order="<"):
    """Write an image file that states its orientation."""
    data = exif(orientation, order)
    if path.suffix == ".jpg":
        half = np.full((codes.shape[0], codes.shape[1]), 128, np.uint8)
        whole = write_picture(path, [codes, half, half], "yuvj444p").read_bytes()
        data = b"Exif\0\0" + data
        path.write_bytes(whole[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(data)) + data + whole[2:])
    elif path.suffix == ".png":
        whole = write_picture(path, [codes], "gray").read_bytes()
        path.write_bytes(whole[:33] + png_chunk(b"eXIf", data) + whole[33:])
    elif path.suffix == ".webp":
        whole = cv2.imencode(".webp", np.dstack([codes] * 3), [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()
        sides = b"".join((side - 1).to_bytes(3, "little") for side in codes.shape[::-1])
        body = b"WEBPVP8X" + struct.pack("<IB3x", 10, 8) + sides + whole[12:] + b"EXIF"
        body += struct.pack("<I", len(data)) + data
        path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    else:
        whole = bytearray(write_picture(path, [codes], "gray").read_bytes())
        (at,) = struct.unpack_from("<I", whole, 4)
        (count,) = struct.unpack_from("<H", whole, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            if struct.unpack_from("<H", whole, entry)[0] == 0x0115:  # samples per pixel: the default is one
                struct.pack_into("<HHIHH", whole, entry, 0x0112, 3, 1, orientation, 0)
        path.write_bytes(whole)
    return path


def read(path):
    source = open_source(path, Fraction(10))
    info = source.probe()
    with source.decode(info) as decoder:
        return info, list(decoder)


def displayed(info, plane):
    """The plane as a player shows it: turned, then mirrored."""
    turned = np.rot90(plane, info.rotation // 90)
    return np.fliplr(turned) if info.mirrored else turned


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_an_image_is_read(tmp_path, suffix, orientation):
    info, (frame,) = read(tagged(tmp_path / f"a{suffix}", orientation))
    codes = displayed(info, frame.luma).astype(int)
    assert codes.shape == SHOWN[orientation](QUARTERS).shape
    assert np.abs(codes - SHOWN[orientation](QUARTERS)).max() <= 3


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(tmp_path, order):
    data = tagged(tmp_path / "a.jpg", 6, order=order).read_bytes()
    assert read_turn(data, "mjpeg") == (-90, False)


@pytest.mark.parametrize("length", range(0, 64, 3))
def test_truncated_data_is_read_without_an_error(tmp_path, length):
    for suffix, codec in ((".jpg", "mjpeg"), (".png", "png"), (".webp", "webp"), (".tif", "tiff")):
        data = tagged(tmp_path / f"a{suffix}", 6).read_bytes()
        assert read_turn(data[:length], codec) in ((0, False), (-90, False))
    assert read_turn(exif(6)[:length], "tiff") in ((0, False), (-90, False))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_invalid_orientation_means_upright(tmp_path, orientation):
    assert read(tagged(tmp_path / "a.jpg", orientation))[0].rotation == 0


@pytest.mark.parametrize("first", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_images_with_another_orientation_are_turned_to_match_the_first(tmp_path, first, suffix):
    """All files show the same image, each stored with another orientation."""
    undone = {**SHOWN, 6: SHOWN[8], 8: SHOWN[6]}
    order = [first, *(number for number in range(1, 9) if number != first)]
    for index, orientation in enumerate(order):
        tagged(tmp_path / f"{index}{suffix}", orientation, np.ascontiguousarray(undone[orientation](QUARTERS)))
    info, frames = read(tmp_path)
    assert any("not turned like 0" in note for note in info.notes)
    for frame in frames:
        assert np.abs(displayed(info, frame.luma).astype(int) - QUARTERS).max() <= 3


def test_an_image_turned_by_90_degrees_does_not_match_the_size_of_the_first(tmp_path):
    tagged(tmp_path / "1.jpg", 1)
    tagged(tmp_path / "2.jpg", 6)
    with pytest.raises(InputError, match=r"size in 2\.jpg: 64x48 to 48x64"):
        read(tmp_path)
