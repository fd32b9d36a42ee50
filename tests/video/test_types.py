"""The value types of video check their arguments."""

from fractions import Fraction

import av
import numpy as np
import pytest

from vfi_cli.video.types import ColorSpec, PlaneFormat, VideoFrame, every_format


def planes(*shapes):
    return tuple(np.zeros(shape, np.uint8) for shape in shapes)


def frame(*shapes, duration=1, pix_fmt="yuv420p"):
    return VideoFrame(planes(*shapes), PlaneFormat.named(pix_fmt), ColorSpec("bt709"), Fraction(0), Fraction(duration))


def test_the_chroma_size_of_odd_frames_is_rounded_up():
    assert PlaneFormat.named("yuv420p").shapes(33, 17) == ((17, 33), (9, 17), (9, 17))
    assert PlaneFormat.named("yuv422p").shapes(33, 17) == ((17, 33), (17, 17), (17, 17))
    assert PlaneFormat.named("yuv444p").shapes(33, 17) == ((17, 33), (17, 33), (17, 33))


def test_frame_refuses_planes_that_do_not_fit_its_format():
    assert frame((17, 33), (9, 17), (9, 17)).width == 33
    with pytest.raises(ValueError, match="planes of yuv420p"):
        frame((17, 33), (8, 16), (8, 16))


def test_frame_refuses_a_duration_of_zero():
    with pytest.raises(ValueError, match="duration"):
        frame((2, 2), (1, 1), (1, 1), duration=0)


def test_errors_name_the_unknown_format_or_matrix():
    with pytest.raises(ValueError, match="nv12"):
        PlaneFormat.named("nv12")
    with pytest.raises(ValueError, match="bt470"):
        ColorSpec("bt470")


def test_a_guessed_matrix_is_written_as_unspecified():
    assert ColorSpec("bt709").matrix_code == 1
    assert ColorSpec("bt709", guessed=True).matrix_code == 2


def test_every_format_has_a_name_that_ffmpeg_knows():
    formats = list(every_format())
    assert len(set(formats)) == len(formats) == 35
    for format in formats:
        assert PlaneFormat.named(format.pix_fmt) == format
        known = av.VideoFormat(format.pix_fmt, 4, 4)
        assert known.components[0].bits == format.depth
        assert any(part.is_alpha for part in known.components) == format.alpha
        assert known.is_rgb == (format.kind == "rgb")
        planes = av.VideoFrame(5, 3, format.pix_fmt).planes
        assert [(plane.height, plane.width) for plane in planes] == list(format.shapes(5, 3))


def test_names_of_deep_formats_may_leave_out_the_byte_order():
    assert PlaneFormat.named("yuv422p10") == PlaneFormat.named("yuv422p10le")
    for name in ("yuv420ple", "yuv420p9le", "yuv420p10be", "nv12", "graya", "yuva420p12le"):
        with pytest.raises(ValueError):
            PlaneFormat.named(name)


def test_a_deep_frame_has_planes_of_16_bits():
    deep = PlaneFormat.named("yuva420p10le")
    shapes = deep.shapes(33, 17)
    assert len(shapes) == 4 and shapes[3] == (17, 33)
    with pytest.raises(ValueError, match="uint16"):
        VideoFrame(planes(*shapes), deep, ColorSpec("bt709"), Fraction(0), Fraction(1))
    codes = tuple(np.full(shape, 1023, np.uint16) for shape in shapes)
    luma = VideoFrame(codes, deep, ColorSpec("bt709"), Fraction(0), Fraction(1)).luma
    assert luma.dtype == np.uint8 and luma.min() == 255
