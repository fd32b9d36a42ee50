"""Tests that images of different pixel formats in a folder are read in one format without loss."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.pictures import png_chunk, write_picture
from vfi_cli.errors import InputError
from vfi_cli.video.read.sources import open_source
from vfi_cli.video.read.unify import common_format
from vfi_cli.video.types import PlaneFormat

HEIGHT, WIDTH = 48, 64
RAMP = np.linspace(0, 255, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8)
DEEP = np.linspace(0, 65535, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint16)
COLORS = np.dstack([RAMP, RAMP[::-1], RAMP[:, ::-1]])  # R, G, B


def read(folder):
    source = open_source(Path(folder), Fraction(10))
    info = source.probe()
    with source.decode(info) as decoder:
        frames = list(decoder)
    return info, frames, decoder


def rgb(frame):
    """The values of an RGB frame, (H, W, 3 or 4)."""
    green, blue, red, *alpha = frame.planes
    return np.dstack([red, green, blue, *alpha])


def as_rgb(values, factor=1):
    return np.dstack([values] * 3).astype(int) * factor


def opaque(values, peak=255):
    return np.dstack([values, np.full((HEIGHT, WIDTH), peak)])


def palette(path, transparent):
    """Write a PNG with a palette of two colours: red on the left; blue on the right, half transparent or opaque."""
    values = (np.arange(WIDTH) >= WIDTH // 2).astype(np.uint8).repeat(HEIGHT).reshape(WIDTH, HEIGHT).T
    write_picture(path, [values], "gray")
    data = path.read_bytes()
    at = data.index(b"IDAT") - 4
    header = data[8:at].replace(b"\x08\x00\x00\x00\x00", b"\x08\x03\x00\x00\x00", 1)[8:21]
    colors = png_chunk(b"PLTE", bytes([255, 0, 0, 0, 0, 255]))
    alpha = png_chunk(b"tRNS", bytes([255, 128])) if transparent else b""
    path.write_bytes(data[:8] + png_chunk(b"IHDR", header) + colors + alpha + data[at:])
    return np.where(values[..., None] == 0, (255, 0, 0, 255), (0, 0, 255, 128 if transparent else 255))


def test_grey_among_rgb_is_read_as_rgb_with_a_note(tmp_path):
    write_picture(tmp_path / "1.png", [RAMP], "gray")
    write_picture(tmp_path / "2.png", [COLORS], "rgb24")
    info, frames, decoder = read(tmp_path)
    assert info.format.pix_fmt == "gbrp"
    assert np.array_equal(rgb(frames[0]), as_rgb(RAMP)) and np.array_equal(rgb(frames[1]), COLORS)
    assert [note for note in info.notes if "stored as" in note] == [
        "the images are stored as gray and rgb24: all are read as gbrp"
    ]
    assert (decoder.damaged, decoder.notes) == (0, [])


def test_the_greatest_depth_and_the_transparency_of_any_image_are_kept_for_all(tmp_path):
    with_alpha = np.dstack([COLORS, RAMP])
    write_picture(tmp_path / "1.png", [COLORS], "rgb24")
    write_picture(tmp_path / "2.png", [DEEP], "gray16be")
    write_picture(tmp_path / "3.png", [with_alpha], "rgba")
    write_picture(tmp_path / "4.png", [np.dstack([RAMP, RAMP[::-1]])], "ya8")
    colors = palette(tmp_path / "5.png", transparent=True)
    info, frames, _ = read(tmp_path)
    assert info.format.pix_fmt == "gbrap16le"
    expected = [
        opaque(COLORS.astype(int) * 257, 65535),
        opaque(as_rgb(DEEP), 65535),
        with_alpha.astype(int) * 257,
        np.dstack([as_rgb(RAMP), RAMP[::-1]]) * 257,
        colors * 257,
    ]
    for frame, values in zip(frames, expected, strict=True):
        assert np.array_equal(rgb(frame), values)


def test_grey_stays_grey_if_only_the_depth_differs(tmp_path):
    write_picture(tmp_path / "1.png", [RAMP], "gray")
    write_picture(tmp_path / "2.png", [DEEP], "gray16be")
    info, frames, _ = read(tmp_path)
    assert info.format == PlaneFormat("gray", depth=16)
    assert np.array_equal(frames[0].planes[0], RAMP.astype(int) * 257)
    assert np.array_equal(frames[1].planes[0], DEEP)


@pytest.mark.parametrize("transparent", [False, True])
def test_a_palette_is_read_with_its_transparency(tmp_path, transparent):
    colors = palette(tmp_path / "1.png", transparent)
    info, (frame,), _ = read(tmp_path / "1.png")
    assert info.format.alpha == transparent
    assert np.array_equal(rgb(frame), colors if transparent else colors[..., :3])


def test_colour_and_grey_jpegs_are_read_with_the_finest_chroma(tmp_path):
    flat = np.full((HEIGHT, WIDTH), 77, np.uint8)
    write_picture(tmp_path / "1.jpg", [flat, flat[::2, ::2] + 40, flat[::2, ::2] + 90], "yuvj420p")
    write_picture(tmp_path / "2.jpg", [flat, flat + 20, flat + 80], "yuvj444p")
    cv2.imwrite(str(tmp_path / "3.jpg"), flat)
    info, frames, _ = read(tmp_path)
    assert (info.format.pix_fmt, info.color.full_range) == ("yuv444p", True)
    middle = [[int(plane[24, 32]) for plane in frame.planes] for frame in frames]
    assert middle == [pytest.approx(values, abs=1) for values in ([77, 117, 167], [77, 97, 157], [77, 128, 128])]


def test_a_jpeg_named_png_is_read(tmp_path):
    write_picture(tmp_path / "1.png", [COLORS], "rgb24")
    flat = np.full((HEIGHT, WIDTH), 128, np.uint8)
    write_picture(tmp_path / "2.jpg", [flat] * 3, "yuvj444p").rename(tmp_path / "2.png")
    info, frames, decoder = read(tmp_path)
    assert (info.format.pix_fmt, len(frames), decoder.damaged) == ("gbrp", 2, 0)
    assert rgb(frames[1])[24, 32].tolist() == [128] * 3


def test_another_size_is_refused_by_probe_with_the_name_of_the_file(tmp_path):
    for number, side in enumerate((64, 64, 96)):
        write_picture(tmp_path / f"{number}.png", [np.zeros((48, side), np.uint8)], "gray")
    with pytest.raises(InputError, match=r"size in 2\.png: 64x48 to 96x48 \(scale all images"):
        open_source(tmp_path).probe()


@pytest.mark.parametrize(
    ("formats", "expected"),
    [
        (["gray", "gray16"], "gray16le"),
        (["gray", "yuv422p"], "yuv422p"),
        (["yuv420p", "yuv444p"], "yuv444p"),
        (["yuv422p", "yuva420p"], "yuva422p"),
        (["yuv420p12", "yuva420p"], "yuva420p16le"),
        (["yuv444p", "gray16", "gbrap"], "gbrap16le"),
    ],
)
def test_the_common_format_can_hold_all_formats(formats, expected):
    assert common_format(map(PlaneFormat.named, formats)).pix_fmt == expected
