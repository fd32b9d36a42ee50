"""Video values check themselves."""

from fractions import Fraction

import numpy as np
import pytest

from vfi_cli.video.types import ColorSpec, PlaneFormat, VideoFrame


def planes(*shapes):
    return tuple(np.zeros(shape, np.uint8) for shape in shapes)


def frame(*shapes, duration=1, pix_fmt="yuv420p"):
    return VideoFrame(planes(*shapes), PlaneFormat.named(pix_fmt), ColorSpec("bt709"), Fraction(0), Fraction(duration))


def test_chroma_of_odd_pictures_is_rounded_up():
    assert PlaneFormat.named("yuv420p").shapes(33, 17) == ((17, 33), (9, 17), (9, 17))
    assert PlaneFormat.named("yuv422p").shapes(33, 17) == ((17, 33), (17, 17), (17, 17))
    assert PlaneFormat.named("yuv444p").shapes(33, 17) == ((17, 33), (17, 33), (17, 33))


def test_frame_refuses_planes_that_do_not_fit_its_format():
    assert frame((17, 33), (9, 17), (9, 17)).width == 33
    with pytest.raises(ValueError, match="planes of yuv420p"):
        frame((17, 33), (8, 16), (8, 16))


def test_frame_refuses_to_last_no_time():
    with pytest.raises(ValueError, match="duration"):
        frame((2, 2), (1, 1), (1, 1), duration=0)


def test_unknown_formats_and_matrices_are_named():
    with pytest.raises(ValueError, match="nv12"):
        PlaneFormat.named("nv12")
    with pytest.raises(ValueError, match="bt470"):
        ColorSpec("bt470")


def test_a_guessed_matrix_is_not_written_as_if_it_were_known():
    assert ColorSpec("bt709").matrix_code == 1
    assert ColorSpec("bt709", guessed=True).matrix_code == 2
