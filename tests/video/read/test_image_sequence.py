"""Tests which files of an image sequence are read, in what order, at what times, and how damaged files count."""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.media import number_of
from tests.pictures import Tile, header_bomb, make_folder, write_apng, write_number, write_picture
from vfi_cli.errors import InputError, LimitError
from vfi_cli.video.read.image_sequence import ImageSequence, positions
from vfi_cli.video.read.sources import VideoFile, open_source


def read(path, rate=Fraction(10), **trim):
    source = open_source(Path(path), rate)
    with source.decode(source.probe(), **trim) as decoder:
        frames = list(decoder)
    return frames, decoder


def numbers(frames):
    return [number_of(frame.luma) for frame in frames]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".exr"])
def test_the_images_of_a_folder_are_read_in_numeric_order(tmp_path, suffix):
    frames, decoder = read(make_folder(tmp_path / "a", 12, f"{{}}{suffix}"))
    assert numbers(frames) == list(range(12))
    assert [frame.pts for frame in frames] == [Fraction(k, 10) for k in range(12)]
    assert {frame.duration for frame in frames} == {Fraction(1, 10)}
    assert (decoder.damaged, decoder.notes) == (0, [])


@pytest.mark.parametrize("pattern", ["shot_%04d.png", "shot_%d.png", "shot_*.png", "shot_000[1-5].png"])
def test_a_pattern_selects_the_files_that_match(tmp_path, pattern):
    make_folder(tmp_path / "a", 5, "shot_{:04d}.png")
    write_number(tmp_path / "a" / "other_0001.png", 99)
    assert numbers(read(tmp_path / "a" / pattern)[0]) == list(range(5))


def test_an_existing_file_is_not_taken_as_a_pattern(tmp_path):
    for name in ("a%03d.png", "a[1].png", "a*.png"):
        frames, _ = read(write_number(tmp_path / name, 7))
        assert numbers(frames) == [7]
    for name in ("b%03d.mp4", "b*.mp4"):
        (tmp_path / name).touch()
        assert isinstance(open_source(tmp_path / name), VideoFile)


def test_without_a_rate_the_rate_is_25_with_a_note(tmp_path):
    info = ImageSequence(make_folder(tmp_path / "a", 5)).probe()
    assert (info.average_rate, info.duration, info.frame_count) == (25, Fraction(1, 5), 5)
    assert any("--input-fps" in note for note in info.notes)


def test_images_before_the_start_are_not_read(tmp_path):
    folder = make_folder(tmp_path / "a", 10)
    (folder / "0002.png").write_bytes(b"")
    frames, decoder = read(folder, start=Fraction(5, 10), stop=Fraction(8, 10))
    assert (numbers(frames), decoder.damaged) == ([5, 6, 7], 0)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["1", "2", "3"], [0, 1, 2]),
        (["01", "02", "05", "06"], [0, 1, 4, 5]),
        (["10", "20", "40"], [0, 1, 3]),
        (["s2_t1_1", "s2_t1_3", "s2_t1_4"], [0, 2, 3]),
        (["1", "100", "163"], [0, 1, 2]),
        (["a", "b", "d"], [0, 1, 2]),
        (["1_1", "2_2", "5_9"], [0, 1, 2]),
        (["7"], [0]),
    ],
)
def test_missing_numbers_leave_a_gap_in_the_positions(names, expected):
    assert positions([Path(f"{name}.png") for name in names]) == expected


def test_missing_and_damaged_images_are_lost_frames_and_the_others_keep_their_times(tmp_path):
    folder = make_folder(tmp_path / "a", 10)
    (folder / "0003.png").unlink()
    (folder / "0006.png").write_bytes((folder / "0006.png").read_bytes()[:100])
    frames, decoder = read(folder)
    assert numbers(frames) == [0, 1, 3, 4, 6, 7, 8, 9]
    assert [frame.pts * 10 for frame in frames] == [0, 1, 3, 4, 6, 7, 8, 9]
    assert [frame.duration * 10 for frame in frames] == [1, 2, 1, 2, 1, 1, 1, 1]
    assert decoder.damaged == 2
    assert decoder.notes == ["damaged: 0006.png", "images missing in the numbering: 1"]


def test_the_clip_begins_with_the_first_image_that_can_be_read(tmp_path):
    folder = make_folder(tmp_path / "a", 5)
    (folder / "0001.png").write_bytes(b"")
    frames, decoder = read(folder)
    assert (numbers(frames), decoder.damaged) == ([1, 2, 3, 4], 1)
    assert open_source(folder, Fraction(10)).probe().start == frames[0].pts


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_exr_is_counted_as_damaged(tmp_path, share):
    folder = make_folder(tmp_path / "a", 3, "{}.exr")
    path = folder / "2.exr"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert read(folder)[1].damaged == 1


def test_a_truncated_jpeg_is_shown_and_counted_as_damaged(tmp_path):
    folder = make_folder(tmp_path / "a", 3, "{}.jpg")
    noise = np.random.default_rng(0).integers(0, 256, (48, 64), np.uint8)
    path = write_picture(folder / "2.jpg", [noise] * 3, "yuvj444p")
    path.write_bytes(path.read_bytes()[:2000])
    frames, decoder = read(folder)
    assert (len(frames), decoder.damaged) == (3, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda a: write_number(a / "0006.png", 5, 96, 64), r"size in 0006\.png: 64x48 to 96x64"),
        (lambda a: write_apng(a / "0006.png", [Tile((0, 0, 0, 255))] * 2), r"0006\.png is an animation"),
        (lambda a: write_number(a / "0006.jpg", 5), "several kinds: mjpeg, png"),
        (lambda a: [file.write_bytes(b"") for file in a.iterdir()], "no image can be decoded"),
        (lambda a: [file.unlink() for file in a.iterdir()], "no image is in this folder"),
        (lambda a: (a / "0006.png").mkdir(), r"0006\.png: is not a file"),
    ],
)
def test_images_that_cannot_be_one_clip_are_refused(tmp_path, make, message):
    make(make_folder(tmp_path / "a", 5))
    with pytest.raises(InputError, match=message):
        read(tmp_path / "a")


def test_a_pattern_without_matching_images_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no image matches this pattern"):
        open_source(tmp_path / "%04d.png")


@pytest.mark.parametrize("number", [1, 3])
def test_a_huge_image_is_refused_from_its_header(tmp_path, number):
    folder = make_folder(tmp_path / "a", 5)
    header_bomb(folder / f"000{number}.png")
    with pytest.raises(LimitError, match=re.escape(f"000{number}.png")):
        read(folder)


def ramp(dtype, peak):
    return np.linspace(0, peak, 64 * 48).reshape(48, 64).astype(dtype)


@pytest.mark.parametrize(
    ("suffix", "pix_fmt", "format"),
    [
        (".png", "rgb48be", "gbrp16le"),
        (".png", "rgba64be", "gbrap16le"),
        (".png", "rgba", "gbrap"),
        (".png", "gray16be", "gray16le"),
        (".tif", "rgb48le", "gbrp16le"),
        (".tif", "rgba64le", "gbrap16le"),
    ],
)
def test_depth_and_transparency_are_read(tmp_path, suffix, pix_fmt, format):
    deep, channels = "16" in pix_fmt or "48" in pix_fmt or "64" in pix_fmt, {"gr": 1, "rgba": 4}.get(pix_fmt[:4], 3)
    channels = 1 if pix_fmt.startswith("gray") else channels
    values = ramp(np.uint16 if deep else np.uint8, 65535 if deep else 255)
    plane = np.stack([np.roll(values, 5 * k, 1) for k in range(channels)], axis=2) if channels > 1 else values
    (frame,), _ = read(write_picture(tmp_path / f"a{suffix}", [plane], pix_fmt))
    assert frame.format.pix_fmt == format
    order = [0] if channels == 1 else [1, 2, 0, 3][:channels]
    for plane_values, channel in zip(frame.planes, order, strict=True):
        assert np.array_equal(plane_values, plane[..., channel] if channels > 1 else plane)


@pytest.mark.parametrize(("format", "kind"), [("float", np.float32), ("half", np.float16)])
def test_linear_exr_values_become_srgb_and_values_outside_of_0_to_1_are_clipped_with_a_note(tmp_path, format, kind):
    linear = np.linspace(-0.5, 1.5, 64 * 48).reshape(48, 64).astype(kind).astype(np.float32)
    (frame,), decoder = read(write_picture(tmp_path / "a.exr", [linear] * 3, "gbrpf32le", format=format))
    inside = linear.clip(0, 1)
    expected = np.where(inside <= 0.0031308, 12.92 * inside, 1.055 * inside ** (1 / 2.4) - 0.055) * 65535
    assert frame.format.pix_fmt == "gbrp16le"
    assert np.abs(frame.planes[0].astype(float) - expected).max() <= 1
    assert decoder.notes == ["values outside of 0 to 1 were clipped in 1 of the images"]
