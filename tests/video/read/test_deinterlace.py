"""Tests that fields become progressive frames at the same times."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tests.media import make_clip, number_of
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe

PIX_FMTS = ["yuv420p", "yuv422p10le", "yuv411p", "gray"]


def make_interlaced(path, frames=6, *, pix_fmt="yuv420p", codec="ffv1", **options):
    """Write a clip of a bar that moves to the right by 4 pixels per field. Even and odd rows are different fields."""
    lumas = []
    for number in range(frames):
        luma = np.full((48, 64), 40, np.uint8)
        for field in (0, 1):
            left = 16 * number // 2 + 4 * field
            luma[field::2, left : left + 12] = 200
        lumas.append(luma)
    return make_clip(path, frames, pix_fmt=pix_fmt, codec=codec, pictures=lumas, **options)


def combing(luma):
    """The mean difference between a row and the mean of the rows above and below; large for combed frames."""
    rows = luma.astype(float)
    return np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean()


def read(info, **trim):
    with decode(info, **trim) as decoder:
        return list(decoder), decoder


@pytest.mark.parametrize("pix_fmt", PIX_FMTS)
def test_deinterlacing_removes_combing_and_keeps_the_times(tmp_path, pix_fmt):
    info = replace(probe(make_interlaced(tmp_path / "a.mkv", pix_fmt=pix_fmt)), interlaced=True, deinterlace=True)
    plain, _ = read(replace(info, interlaced=False, deinterlace=False))
    frames, decoder = read(info)
    assert [(f.pts, f.duration) for f in frames] == [(f.pts, f.duration) for f in plain]
    assert {f.format for f in frames} == {info.format} and decoder.damaged == 0 and not decoder.notes
    before, after = (np.mean([combing(f.luma) for f in some[1:-1]]) for some in (plain, frames))
    assert before > 5 and after < before / 4


def test_progressive_frames_of_a_progressive_clip_do_not_change(tmp_path):
    info = probe(make_clip(tmp_path / "a.mp4", 8))
    plain, _ = read(info)
    frames, _ = read(replace(info, deinterlace=True))
    for got, expected in zip(frames, plain, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(got.planes, expected.planes, strict=True))


def test_interlaced_frames_are_deinterlaced_if_the_header_does_not_announce_them(tmp_path):
    path = make_interlaced(tmp_path / "i.mkv", codec="mpeg2video", rate=25, interlaced=True, options={"qscale": "2"})
    info = probe(path)
    assert info.interlaced
    frames, _ = read(replace(info, interlaced=False, deinterlace=True))
    assert len(frames) == 6 and max(combing(frame.luma) for frame in frames[1:-1]) < 3


@pytest.mark.parametrize("count", [1, 2, 9])
def test_deinterlacing_loses_and_repeats_no_frame(tmp_path, count):
    path = make_clip(tmp_path / "i.mkv", count, codec="mpeg2video", rate=25, interlaced=True)
    frames, _ = read(replace(probe(path), deinterlace=True))
    assert [number_of(frame.luma) for frame in frames] == list(range(count))
    assert [frame.pts for frame in frames] == [Fraction(round(k * 40), 1000) for k in range(count)]


def test_a_part_of_an_interlaced_clip_can_be_read(tmp_path):
    path = make_clip(tmp_path / "i.mkv", 25, codec="mpeg2video", rate=25, interlaced=True)
    info = replace(probe(path), deinterlace=True)
    frames, _ = read(info, start=Fraction(2, 5), stop=Fraction(3, 5))
    assert [number_of(frame.luma) for frame in frames] == list(range(10, 15))
