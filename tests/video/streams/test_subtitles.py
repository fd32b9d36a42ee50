"""Text subtitles of one kind as those of another."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.streams import lines_of, make_rich
from vfi_cli.video.streams.subtitles import TextSubtitles

LAYERS = [(0, 3000, "sign"), (1000, 2000, "one"), (1000, 2500, "two"), (4000, 5000, "three")]


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
def test_whatever_is_on_screen_at_a_time_is_shown_at_that_time(rich: Path, tmp_path: Path, name: str, codec: str):
    assert lines_of(convert(rich, tmp_path / name, codec, LAYERS)) == [
        (0.0, 1.0, "sign"),
        (1.0, 2.0, "sign\none\ntwo"),
        (2.0, 2.5, "sign\ntwo"),
        (2.5, 3.0, "sign"),
        (4.0, 5.0, "three"),
    ]


def test_lines_that_say_nothing_leave_no_trace(rich: Path, tmp_path: Path):
    lines = [(0, 500, "one"), (500, 1000, ""), (1000, 1500, "two")]
    assert lines_of(convert(rich, tmp_path / "o.mkv", "subrip", lines)) == [(0.0, 0.5, "one"), (1.0, 1.5, "two")]


def test_the_style_of_a_line_ends_with_it(rich: Path, tmp_path: Path):
    convert(rich, tmp_path / "o.mkv", "subrip", [(0, 1000, "<i>slanted"), (0, 1000, "upright")])
    with av.open(str(tmp_path / "o.mkv")) as container:
        (packet,) = (packet for packet in container.demux(subtitles=0) if packet.size)
    assert bytes(packet) == b"<i>slanted</i>\nupright"
