"""Tests clips that are interlaced in part, or that are only marked as interlaced."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.fields import make_mixed
from tests.media import make_clip, number_of
from vfi_cli.errors import FieldsError
from vfi_cli.video.read.decode import decode, refuse_interlaced
from vfi_cli.video.read.deinterlace import to_progressive
from vfi_cli.video.read.fields import find_fields
from vfi_cli.video.read.probe import probe


@pytest.mark.parametrize("suffix", ["ts", "mkv", "mp4"])
def test_interlaced_frames_in_a_later_part_are_found_before_decoding(tmp_path, suffix):
    info = probe(make_mixed(tmp_path, suffix))
    assert not info.interlaced
    place = find_fields(info)
    assert Fraction(9, 10) <= place <= Fraction(13, 10)
    found = replace(info, fields_at=place)
    with pytest.raises(FieldsError, match="interlaced before 1"):
        refuse_interlaced(found)
    with pytest.raises(FieldsError):
        refuse_interlaced(found, Fraction(1, 2), Fraction(3, 2))
    refuse_interlaced(found, stop=Fraction(1, 2))  # this part is progressive
    for option in ("deinterlace", "progressive"):
        refuse_interlaced(replace(found, **{option: True}))


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.ts", "mpeg2video"), ("a.mkv", "ffv1")])
def test_a_progressive_clip_has_no_fields(tmp_path, name, codec):
    assert find_fields(probe(make_clip(tmp_path / name, 30, rate=25, codec=codec))) is None


def test_frames_marked_as_interlaced_are_read_unchanged_with_the_option_progressive(tmp_path):
    path = make_clip(tmp_path / "a.mkv", 6, codec="mpeg2video", rate=25, interlaced=True)
    info = probe(path)
    assert info.interlaced
    with av.open(str(path)) as container:
        stored = [[np.array(plane) for plane in frame.planes] for frame in container.decode(video=0)]
    with decode(replace(info, progressive=True)) as decoder:
        frames = list(decoder)
    assert [frame.pts for frame in frames] == [Fraction(n, 25) for n in range(6)]
    for frame, planes in zip(frames, stored, strict=True):
        for got, plane in zip(frame.planes, planes, strict=True):
            assert np.array_equal(got, plane.reshape(got.shape[0], -1)[:, : got.shape[1]])


def test_progressive_frames_lose_their_interlaced_marks(tmp_path):
    path = make_clip(tmp_path / "a.mkv", 4, codec="mpeg2video", rate=25, interlaced=True)
    info = replace(probe(path), progressive=True)
    with av.open(str(path)) as container:  # FFmpeg would convert the chroma of marked frames field by field
        marked = [(frame, Fraction(n, 25), Fraction(1, 25)) for n, frame in enumerate(container.decode(video=0))]
        assert all(frame.interlaced_frame for frame, _, _ in marked)
        progressive = list(to_progressive(iter(marked), info))
    assert [time for _, time, _ in progressive] == [Fraction(n, 25) for n in range(4)]
    assert not any(frame.interlaced_frame for frame, _, _ in progressive)


@pytest.mark.parametrize("option", ["deinterlace", "progressive"])
def test_a_mixed_clip_is_read_to_its_end(tmp_path, option):
    info = probe(make_mixed(tmp_path))
    with decode(replace(info, **{option: True})) as decoder:
        numbers = [number_of(frame.luma) for frame in decoder]
    assert numbers == [*range(24), *range(25)]
