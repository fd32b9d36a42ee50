"""The sample aspect ratio changes within a clip, as on television between films and news."""

from fractions import Fraction

import pytest

from tests.media import make_clip
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe


def part(path, sar, start):
    times = [Fraction(start) + Fraction(number, 25) for number in range(25)]
    options = {"g": "5"}
    clip = make_clip(
        path, codec="mpeg2video", rate=25, sar=sar, times=times, time_base=Fraction(1, 25), options=options
    )
    return clip.read_bytes()


def notes(info, start=None):
    with decode(info, start) as decoder:
        assert len(list(decoder)) >= 15
    return [note for note in decoder.notes if "aspect" in note]


@pytest.fixture(scope="module")
def changing(tmp_path_factory):
    """A clip of two seconds: sample aspect ratio 1:1, then 4:3."""
    folder = tmp_path_factory.mktemp("aspect")
    path = folder / "a.ts"
    path.write_bytes(part(folder / "1.ts", Fraction(1), 0) + part(folder / "2.ts", Fraction(4, 3), 1))
    return path


def test_a_note_tells_the_time_of_the_change(changing):
    (note,) = notes(probe(changing))
    first, rest = note.split(", but 4:3 from ")
    assert first == "the aspect ratio of the samples changes: 1:1"
    assert abs(float(rest.split(" s ")[0]) - 1) <= 0.08  # the decoder sees the change one or two frames early
    assert "it stays 1:1 in the output" in rest


def test_a_part_of_the_clip_after_the_change_gets_the_note_too(changing):
    (note,) = notes(probe(changing), Fraction(6, 5))
    assert "it stays 1:1 in the output" in note


@pytest.mark.parametrize("sar", [None, Fraction(4, 3)])
def test_a_constant_aspect_ratio_gets_no_note(tmp_path, sar):
    path = tmp_path / "a.ts"
    part(path, sar, 0)
    assert notes(probe(path)) == []
