"""Tests that rotation, mirroring, cropping, other streams, tags and chapters reach the output."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest

from tests.media import audio_packets, make_clip, video_times
from tests.streams import CHAPTERS, lines_of, make_rich, seen
from vfi_cli.video.read.probe import probe

case = pytest.mark.reliability


@case(21)
@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_rotation_is_copied_as_a_tag_and_not_applied(vfi, tmp_path, name, rotation):
    clip = make_clip(tmp_path / "in.mp4", 5, rotation=rotation)
    done = vfi("interp", clip, "-o", tmp_path / name)
    out = probe(tmp_path / name)
    assert done.code == 0 and (out.width, out.height) == (64, 48)
    assert (out.rotation - rotation) % 360 == 0


@case(21)
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_a_mirrored_clip_stays_mirrored(vfi, tmp_path, name, rotation):
    clip = make_clip(tmp_path / "in.mp4", 5, rotation=rotation, mirrored=True)
    assert vfi("interp", clip, "-o", tmp_path / name).code == 0
    matrices = []
    for path in (clip, tmp_path / name):
        with av.open(str(path)) as container:
            matrices.append(bytes(next(container.decode(video=0)).side_data.get("DISPLAYMATRIX")))
    assert matrices[0] == matrices[1]


@case(28)
def test_matroska_keeps_all_streams_tags_and_chapters(vfi, tmp_path):
    clip, out = make_rich(tmp_path / "in.mkv"), tmp_path / "out.mkv"
    done = vfi("interp", clip, "-o", out, "--fps", "20")
    assert done.code == 0 and "left out" not in done.err and "becomes" not in done.err
    assert seen(out) == seen(clip)
    old, new = probe(clip), probe(out)
    assert (new.sar, new.rotation, new.chapters) == (old.sar, old.rotation, old.chapters)
    assert (old.timecode, new.timecode) == ("01:00:00:05", "01:00:00:10")  # the same time at twice the rate
    for track in (0, 1):
        assert [data for _, data in audio_packets(out, track)] == [data for _, data in audio_packets(clip, track)]
        assert lines_of(out, track) == lines_of(clip, track)


@case(28)
def test_losses_in_mp4_are_reported_before_the_first_frame(vfi, tmp_path):
    clip, out = make_rich(tmp_path / "in.mkv"), tmp_path / "out.mp4"
    done = vfi("interp", clip, "-o", out, faults=["out_of_memory=0"])
    assert done.code != 0  # no frame was computed
    for loss in ("no place for the tags CUSTOM", "attachment #5 (font.ttf) is left out", "subtitle #4 (ass, deu"):
        assert loss in done.err
    assert vfi("interp", clip, "-o", out).code == 0
    kinds = [kind for kind, *_ in seen(out)]
    assert kinds[:5] == ["video", "audio", "audio", "subtitle", "subtitle"] and kinds[-1] == "video"  # the cover
    assert [chapter.metadata["title"] for chapter in probe(out).chapters] == [title for *_, title in CHAPTERS]
    assert probe(out).sar == Fraction(16, 11)


@case(28)
def test_a_clip_that_its_codec_crops_keeps_its_size(vfi, tmp_path):
    clip = make_clip(tmp_path / "in.mp4", 5, width=66, height=50)  # H.264 stores 80x64
    assert vfi("interp", clip, "-o", tmp_path / "out.mp4").code == 0
    assert (probe(tmp_path / "out.mp4").width, probe(tmp_path / "out.mp4").height) == (66, 50)


@case(20)
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_audio_outside_the_edit_list_is_left_out(vfi, tmp_path, name):
    clip = make_clip(tmp_path / "a.mp4", 30, audio="ac3", options={"g": "30", "bf": "0"})
    cut, late = tmp_path / "in.mp4", Fraction(13, 10)
    with av.open(str(clip)) as source, av.open(str(cut), "w", options={"avoid_negative_ts": "disabled"}) as sink:
        copies = [sink.add_stream_from_template(stream, opaque=True) for stream in source.streams]
        for packet in source.demux():
            if packet.size:
                packet.dts -= round(late / packet.time_base)
                packet.pts -= round(late / packet.time_base)
                packet.stream = copies[packet.stream.index]
                sink.mux(packet)
    assert vfi("interp", cut, "-o", tmp_path / name).code == 0
    times = video_times(tmp_path / name)
    assert len(times) == 34
    assert abs(audio_packets(tmp_path / name)[0][0] - times[0]) < Fraction(1, 10)
