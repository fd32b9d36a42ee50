"""The aspect ratio in the header of Matroska files, for codecs that do not state it themselves."""

from __future__ import annotations

import zlib
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.media import audio_packets, make_clip, video_times
from vfi_cli.video.container.matroska_header import aspect, display_size, insert, roomy
from vfi_cli.video.read.probe import probe


def titled(path: Path, title: str, **options) -> Path:
    """A VP9 clip whose video track has a title."""
    plain = make_clip(
        path.with_name(f"plain{path.suffix}"), 10, codec="libvpx-vp9", options={"cpu-used": "8"}, **options
    )
    with av.open(str(plain)) as source, av.open(str(path), "w") as sink:
        copies = [sink.add_stream_from_template(stream, opaque=True) for stream in source.streams]
        copies[0].metadata["title"] = title
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                sink.mux(packet)
    return path


@pytest.mark.parametrize("sar", [Fraction(16, 11), Fraction(64, 45), Fraction(1, 2), Fraction(4001, 3001)])
@pytest.mark.parametrize("name", ["a.mkv", "a.webm"])
@pytest.mark.parametrize("title", ["", "Main", "é" * 60, "x" * 300])
def test_insert_writes_the_aspect_ratio_and_restores_the_title(tmp_path: Path, name: str, title: str, sar: Fraction):
    path = titled(tmp_path / name, roomy(title, aspect(64, 48, sar)), audio="libopus")
    times, audio, size = video_times(path), audio_packets(path), path.stat().st_size
    insert(path, aspect(64, 48, sar))
    info = probe(path)
    assert abs(info.sar - sar) <= sar / 64
    assert info.sar == sar or sar.denominator > 16
    assert info.tags.get("title", "") == title
    assert (video_times(path), audio_packets(path), path.stat().st_size) == (times, audio, size)


def test_insert_updates_the_checksum_of_the_tracks(tmp_path: Path):
    path = titled(tmp_path / "a.mkv", roomy("Main", elements := aspect(64, 48, Fraction(4, 3))))
    insert(path, elements)
    data = path.read_bytes()
    named = data.index(b"\x16\x54\xae\x6b")  # in the SeekHead
    crc = data.index(b"\xbf\x84", data.index(b"\x16\x54\xae\x6b", named + 4)) + 2
    end = data.index(b"\x12\x54\xc3\x67", crc)  # the tags come next
    assert data[crc : crc + 4] == zlib.crc32(data[crc + 4 : end]).to_bytes(4, "little")


@pytest.mark.parametrize(
    "size, sar, expected",
    [
        ((720, 576), Fraction(64, 45), (1024, 576)),
        ((720, 480), Fraction(8, 9), (640, 480)),
        ((128, 96), Fraction(16, 11), (192, 99)),
        ((64, 48), Fraction(4001, 3001), (85, 48)),
    ],
)
def test_the_display_size_is_exact_if_possible(size, sar, expected):
    assert display_size(*size, sar) == expected


def test_a_file_without_room_for_the_elements_is_not_changed(tmp_path: Path):
    path = titled(tmp_path / "a.mkv", "")
    data = path.read_bytes()
    with pytest.raises(ValueError, match="name of the track"):
        insert(path, aspect(64, 48, Fraction(4, 3)))
    assert path.read_bytes() == data
