"""`to_planes` is the exact inverse of `to_rgb`."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from vfi_cli.jobs.interp.convert import to_planes, to_rgb
from vfi_cli.video.types import ColorSpec, PlaneFormat, VideoFrame, every_format


def noise(format: PlaneFormat, color: ColorSpec) -> VideoFrame:
    rng = np.random.default_rng(1)
    planes = tuple(rng.integers(0, format.peak + 1, shape).astype(format.dtype) for shape in format.shapes(33, 17))
    return VideoFrame(planes, format, color, Fraction(0), Fraction(1))


@pytest.mark.parametrize("format", list(every_format()), ids=lambda format: format.pix_fmt)
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
def test_a_frame_of_any_format_survives_conversion_to_rgb_and_back_bit_for_bit(format, matrix, full_range):
    frame = noise(format, ColorSpec(matrix, full_range))
    planes = to_planes(to_rgb(frame, alpha=format.alpha), format, frame.color)
    assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(planes, frame.planes, strict=True))


def test_a_frame_without_alpha_is_opaque():
    frame = noise(PlaneFormat.named("yuv420p"), ColorSpec("bt709"))
    assert to_rgb(frame, alpha=True)[3].min() == 1
    for image in (to_rgb(frame), to_rgb(frame, alpha=True)):
        assert to_planes(image, PlaneFormat.named("yuva444p10"), frame.color)[3].min() == 1023


def test_red_green_and_blue_are_not_mixed_up():
    rgb = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1)
    codes = to_planes(rgb, PlaneFormat.named("gbrp"), ColorSpec("bt709"))
    assert [int(plane[0, 0]) for plane in codes] == [128, 0, 255]
    frame = VideoFrame(codes, PlaneFormat.named("gbrp"), ColorSpec("bt709"), Fraction(0), Fraction(1))
    assert torch.allclose(to_rgb(frame), rgb, atol=1 / 255)
