"""Animated PNG, WebP and AVIF are read with all frames, their times and their tiles. Still images are no animations."""

import shutil
from fractions import Fraction

import cv2
import numpy as np
import pytest

from tests.media import make_clip, number_of, numbered_luma
from tests.pictures import Tile, write_apng, write_number, write_webp
from vfi_cli.errors import InputError, LimitError
from vfi_cli.video.image.animated import is_animation
from vfi_cli.video.read.image_sequence import ImageSequence
from vfi_cli.video.read.sources import open_source

RED, GREEN, CLEAR = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 0, 0)
WRITERS = {".png": write_apng, ".webp": write_webp}
both = pytest.mark.parametrize("suffix", [".png", ".webp"])


def read(path):
    source = open_source(path)
    info = source.probe()
    with source.decode(info) as decoder:
        frames = list(decoder)
    return info, frames, decoder


def shown(frame, x, y):
    """(R, G, B, A) of the pixel at (x, y) of an RGB frame with alpha."""
    return tuple(int(frame.planes[index][y, x]) for index in (2, 0, 1, 3))


@both
def test_the_input_rate_option_overrides_the_times(tmp_path, suffix):
    tiles = [Tile(color, span) for color, span in ((RED, 100), (GREEN, 30), (RED, 700))]
    source = open_source(WRITERS[suffix](tmp_path / f"a{suffix}", tiles), Fraction(24))
    info = source.probe()
    with source.decode(info) as decoder:
        frames = list(decoder)
    assert [frame.pts - frames[0].pts for frame in frames] == [Fraction(n, 24) for n in range(3)]
    assert (info.average_rate, info.duration) == (24, Fraction(1, 8))


@pytest.mark.parametrize("suffix", [".png", ".apng", ".webp", ".avif"])
def test_an_animation_has_all_frames_with_their_times(tmp_path, suffix):
    spans = [100, 50, 300, 20, 1000]
    images = [np.repeat(numbered_luma(k, 64, 48)[..., None], 3, axis=2) for k in range(5)]
    animation = cv2.Animation()
    animation.frames, animation.durations, animation.loop_count = images, np.array(spans), 3
    made = tmp_path / f"made{suffix.replace('apng', 'png')}"
    assert cv2.imwriteanimation(str(made), animation)
    path = made.rename(tmp_path / f"a{suffix}")
    info, frames, decoder = read(path)
    assert [number_of(frame.luma) for frame in frames] == list(range(5))
    assert [frame.duration * 1000 for frame in frames] == spans
    assert [frame.pts * 1000 for frame in frames] == [0, 100, 150, 450, 470]
    assert (info.vfr, info.frame_count, decoder.damaged, decoder.notes) == (True, 5, 0, [])


@both
def test_equal_durations_are_a_constant_frame_rate(tmp_path, suffix):
    info, _, _ = read(WRITERS[suffix](tmp_path / f"a{suffix}", [Tile(RED, 40), Tile(GREEN, 40), Tile(RED, 40)]))
    assert (info.vfr, info.average_rate, info.duration) == (False, 25, Fraction(3, 25))


@both
def test_a_tile_replaces_or_covers_pixels_and_may_clear_them_afterwards(tmp_path, suffix):
    tiles = [
        Tile(RED),
        Tile((0, 255, 0, 0), place=(10, 10), size=(20, 20), over=True),  # transparent: changes nothing
        Tile((0, 255, 0, 0), place=(30, 10), size=(20, 20)),  # replaces: makes a hole
        Tile(GREEN, place=(10, 10), size=(8, 8), over=True, clear=True),
        Tile((0, 255, 0, 51), place=(40, 20), size=(20, 20), over=True),  # opacity 1/5; half of it lies over the hole
    ]
    info, frames, decoder = read(WRITERS[suffix](tmp_path / f"a{suffix}", tiles))
    assert (info.format.pix_fmt, len(frames), decoder.damaged) == ("gbrap", 5, 0)
    assert shown(frames[0], 15, 15) == shown(frames[1], 15, 15) == RED
    assert [shown(frames[2], x, 15)[3] for x in (29, 30, 49, 50)] == [255, 0, 0, 255]
    assert (shown(frames[3], 17, 17), shown(frames[3], 18, 17)) == (GREEN, RED)
    assert (shown(frames[4], 17, 17)[3], shown(frames[4], 18, 17)) == (0, RED)
    assert shown(frames[4], 41, 21) == (0, 255, 0, 51)
    assert shown(frames[4], 55, 25) == pytest.approx((204, 51, 0, 255), abs=1)


@both
def test_pixels_that_no_tile_covers_are_transparent(tmp_path, suffix):
    tiles = [Tile(RED, clear=True), Tile(GREEN, size=(32, 48))]
    _, frames, _ = read(WRITERS[suffix](tmp_path / f"a{suffix}", tiles))
    assert (shown(frames[1], 31, 0), shown(frames[1], 32, 0)[3]) == (GREEN, 0)


def test_lossy_webp_is_read_with_its_alpha(tmp_path):
    tiles = [Tile((200, 30, 60, 255)), Tile((200, 30, 60, 90))]
    info, frames, _ = read(write_webp(tmp_path / "a.webp", tiles, quality=90))
    assert info.format.pix_fmt == "gbrap"
    assert [shown(frame, 20, 20) for frame in frames] == [pytest.approx(tile.color, abs=3) for tile in tiles]


def test_webp_without_alpha_is_read_as_rgb(tmp_path):
    info, frames, _ = read(write_webp(tmp_path / "a.webp", [Tile(RED), Tile(GREEN)], alpha=False))
    assert info.format.pix_fmt == "gbrp"
    assert [int(frame.planes[2][0, 0]) for frame in frames] == [255, 0]


def test_a_webp_frame_without_a_duration_is_shown_as_long_as_in_browsers(tmp_path):
    _, frames, _ = read(write_webp(tmp_path / "a.webp", [Tile(RED, 0), Tile(GREEN, 20)]))
    assert [frame.duration * 1000 for frame in frames] == [100, 20]


def test_a_damaged_or_missing_webp_frame_is_counted(tmp_path):
    path = write_webp(tmp_path / "a.webp", [Tile(RED), Tile(GREEN, size=(63, 47)), Tile(RED, size=(62, 46))])
    whole = path.read_bytes()
    middle = whole.index(b"VP8L", whole.index(b"VP8L") + 1)
    path.write_bytes(whole[: middle + 8] + bytes(8) + whole[middle + 16 :])
    _, frames, decoder = read(path)
    assert ([frame.pts * 10 for frame in frames], decoder.damaged) == ([0, 2], 1)
    path.write_bytes(whole[:-8])
    _, frames, decoder = read(path)
    assert (len(frames), decoder.damaged) == (2, 1)
    assert any("incomplete" in note for note in decoder.notes)


@pytest.mark.parametrize("length", [0, 20, 30, 60])
def test_a_webp_file_truncated_in_its_header_is_refused(tmp_path, length):
    path = tmp_path / "a.webp"
    path.write_bytes(write_webp(path, [Tile(RED), Tile(GREEN)]).read_bytes()[:length])
    with pytest.raises(InputError):
        read(path)


def test_a_huge_webp_file_is_refused_because_of_its_header(tmp_path):
    path = write_webp(tmp_path / "a.webp", [Tile(RED), Tile(GREEN)])
    data = bytearray(path.read_bytes())
    data[24:30] = b"\xff" * 6
    path.write_bytes(data)
    with pytest.raises(LimitError):
        read(path)


@both
def test_a_still_image_is_no_animation(tmp_path, suffix):
    still = tmp_path / f"a{suffix}"
    cv2.imwrite(str(still), np.repeat(numbered_luma(9, 64, 48)[..., None], 3, axis=2))
    assert not is_animation(still)
    assert isinstance(open_source(still), ImageSequence)
    info, frames, _ = read(still)
    assert (info.frame_count, [number_of(frame.luma) for frame in frames]) == (1, [9])


def test_an_apng_with_at_most_one_frame_is_no_animation(tmp_path):
    once = write_apng(tmp_path / "once.png", [Tile(GREEN)])
    plain = shutil.copy(write_number(tmp_path / "plain.png", 5), tmp_path / "plain.apng")
    for path in (once, plain):
        assert isinstance(open_source(path), ImageSequence)
        assert len(read(path)[1]) == 1


def test_animations_are_detected_from_their_headers(tmp_path):
    assert is_animation(write_apng(tmp_path / "a.png", [Tile(RED), Tile(GREEN)]))
    assert is_animation(write_webp(tmp_path / "a.webp", [Tile(RED), Tile(GREEN)]))
    assert not is_animation(make_clip(tmp_path / "a.mp4", 2))
    assert not is_animation(tmp_path / "missing.png")
