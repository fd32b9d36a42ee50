"""Text subtitles that are converted to another text codec."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.streams import lines_of, make_rich
from vfi_cli.video.streams.subtitles import TextSubtitles

OVERLAPPING_LINES = [(0, 3000, "sign"), (1000, 2000, "one"), (1000, 2500, "two"), (4000, 5000, "three")]


def convert(source: Path, target: Path, codec: str, lines: list[tuple[int, int, str]]) -> Path:
    with av.open(str(source)) as clip, av.open(str(target), "w") as sink:
        text = TextSubtitles(sink, clip.streams.subtitles[0], codec)
        for start, end, line in lines:
            sink.mux(list(text.convert(av.Packet(line.encode()), Fraction(start, 1000), Fraction(end, 1000))))
        sink.mux(list(text.flush()))
    return target


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    return make_rich(tmp_path / "rich.mkv")


@pytest.mark.parametrize("name, codec", [("o.mp4", "mov_text"), ("o.webm", "webvtt"), ("o.mkv", "subrip")])
def test_lines_that_overlap_in_time_are_shown_together(rich: Path, tmp_path: Path, name: str, codec: str):
    assert lines_of(convert(rich, tmp_path / name, codec, OVERLAPPING_LINES)) == [
        (0.0, 1.0, "sign"),
        (1.0, 2.0, "sign\none\ntwo"),
        (2.0, 2.5, "sign\ntwo"),
        (2.5, 3.0, "sign"),
        (4.0, 5.0, "three"),
    ]


def test_empty_lines_are_not_written(rich: Path, tmp_path: Path):
    lines = [(0, 500, "one"), (500, 1000, ""), (1000, 1500, "two")]
    assert lines_of(convert(rich, tmp_path / "o.mkv", "subrip", lines)) == [(0.0, 0.5, "one"), (1.0, 1.5, "two")]


def test_the_style_of_a_line_does_not_reach_the_next_line(rich: Path, tmp_path: Path):
    convert(rich, tmp_path / "o.mkv", "subrip", [(0, 1000, "<i>slanted"), (0, 1000, "upright")])
    with av.open(str(tmp_path / "o.mkv")) as container:
        (packet,) = (packet for packet in container.demux(subtitles=0) if packet.size)
    assert bytes(packet) == b"<i>slanted</i>\nupright"
