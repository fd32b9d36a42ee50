"""Frames that are turned as players show them."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tests.media import make_clip
from vfi_cli.video.read.probe import probe
from vfi_cli.video.types import ColorSpec, VideoFrame, every_format
from vfi_cli.video.write.turning import Turn, find_turn

TURNS = [Turn(quarters, mirrored) for quarters in range(4) for mirrored in (False, True) if quarters or mirrored]


def noise(format, width, height):
    rng = np.random.default_rng(width)
    planes = tuple(rng.integers(0, format.peak + 1, shape, format.dtype) for shape in format.shapes(width, height))
    return VideoFrame(planes, format, ColorSpec("bt709"), Fraction(0), Fraction(1))


def pixel_codes(frame):
    """The codes of each pixel, shape (planes, rows, columns)."""
    y, x = np.mgrid[: frame.height, : frame.width]
    (rows, columns), found = (frame.height, frame.width), []
    for plane in frame.planes:
        sy, sx = -(-rows // plane.shape[0]), -(-columns // plane.shape[1])
        found.append(plane[y // sy, x // sx])
    return np.stack(found)


def as_players_show(pixels, turn):
    """Turn pixel by pixel: a quarter counter-clockwise moves the right column to the top; mirroring swaps columns."""
    for _ in range(turn.quarters):
        rows, columns = pixels.shape[1:]
        turned = np.empty((len(pixels), columns, rows), pixels.dtype)
        for row in range(columns):
            turned[:, row, :] = pixels[:, :, columns - 1 - row]
        pixels = turned
    if turn.mirrored:
        pixels = np.stack([pixels[:, :, pixels.shape[2] - 1 - column] for column in range(pixels.shape[2])], axis=2)
    return pixels


@pytest.mark.parametrize("turn", TURNS, ids=str)
@pytest.mark.parametrize("size", [(8, 6), (7, 5)])
def test_every_pixel_of_every_format_moves_to_where_players_show_it(turn, size):
    for format in every_format():
        frame = noise(format, *size)
        (turned,) = turn.frames([frame])
        assert np.array_equal(pixel_codes(turned), as_players_show(pixel_codes(frame), turn)), format
        assert all(plane.flags.c_contiguous for plane in turned.planes)


def test_chroma_keeps_its_subsampling_if_its_cells_fit():
    cases = {
        ("yuv420p", 1, 8, 6): "yuv420p",
        ("yuv422p10", 2, 8, 6): "yuv422p10le",
        ("yuv422p10", 1, 8, 6): "yuv444p10le",
    }
    cases |= {("yuv420p", 2, 7, 6): "yuv444p", ("yuva420p", 3, 8, 6): "yuva420p", ("gray", 1, 7, 5): "gray"}
    for (pix_fmt, quarters, width, height), expected in cases.items():
        format = next(format for format in every_format() if format.pix_fmt.removesuffix("le") == pix_fmt)
        (turned,) = Turn(quarters, False).frames([noise(format, width, height)])
        assert turned.format.pix_fmt == expected


def test_the_clip_info_describes_the_turned_frames(tmp_path):
    clip = probe(make_clip(tmp_path / "a.mp4", 1, sar=Fraction(4, 3), rotation=90, mirrored=True))
    turn = find_turn(clip)
    assert turn == Turn(1, True)
    shown = turn.clip(clip)
    assert (shown.width, shown.height, shown.sar) == (48, 64, Fraction(3, 4))
    assert (shown.rotation, shown.mirrored, find_turn(shown)) == (0, False, None)
    (frame,) = turn.frames([noise(clip.format, clip.width, clip.height)])
    assert (frame.width, frame.height, frame.format) == (shown.width, shown.height, shown.format)


def test_angles_between_the_quarters_are_ignored(tmp_path):
    clip = probe(make_clip(tmp_path / "a.mp4", 1))
    assert find_turn(replace(clip, rotation=30)) is None
    assert find_turn(replace(clip, rotation=-180)) == Turn(2, False)
