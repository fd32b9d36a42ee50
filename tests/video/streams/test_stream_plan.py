"""Which streams a container takes is known before the output is written."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.media import make_clip
from tests.streams import make_rich
from vfi_cli.errors import InputError, OutputError
from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.formats import GIF, MKV, MOV, MP4, WEBM
from vfi_cli.video.read.probe import probe
from vfi_cli.video.streams.audio import AudioCodec
from vfi_cli.video.streams.require_audio import require_audio
from vfi_cli.video.streams.stream_plan import LeftOut, StreamPlan, plan_streams

KINDS = ("audio", "subtitle", "data", "attachment")


@pytest.fixture(scope="module")
def rich(tmp_path_factory) -> ClipInfo:
    return probe(make_rich(tmp_path_factory.mktemp("streams") / "rich.mkv"))


def outcomes(plan: StreamPlan) -> dict[int, str]:
    """The outcome for each stream, by its index: "left out", "copied" or a text codec."""
    kept = {stream.info.index: stream.codec or "copied" for stream in plan.kept}
    return kept | {stream.info.index: "left out" for stream in plan.left_out}


@pytest.mark.parametrize(
    "output, audio, text, font, cover",
    [
        (MKV, "copied", "copied", "copied", "copied"),
        (MP4, "copied", "mov_text", "left out", "copied"),
        (MOV, "copied", "mov_text", "left out", "left out"),
        (WEBM, "left out", "webvtt", "left out", "left out"),
        (GIF, "left out", "left out", "left out", "left out"),
    ],
)
def test_each_container_gets_all_streams_that_it_can_hold(rich: ClipInfo, output, audio, text, font, cover):
    plan = plan_streams(rich, output, wanted=KINDS)
    assert outcomes(plan) == {1: audio, 2: audio, 3: text, 4: text, 5: font, 6: cover}


def test_only_streams_of_the_wanted_kinds_are_planned(rich: ClipInfo):
    plan = plan_streams(rich, MP4, wanted=("audio",))
    assert outcomes(plan) == {1: "copied", 2: "copied"} and list(plan.warnings()) == []


def test_every_loss_has_a_warning_with_its_reason(rich: ClipInfo):
    warnings = list(plan_streams(rich, MP4, wanted=KINDS).warnings())
    assert warnings == [
        "attachment #5 (font.ttf) is left out of the output: mp4 does not hold attached files",
        "subtitle #4 (ass, deu, default, forced) becomes mov_text: the style and position of its lines are lost",
    ]


def test_flags_that_the_container_cannot_hold_have_a_warning(rich: ClipInfo):
    warnings = list(plan_streams(rich, MOV, wanted=("audio", "subtitle")).warnings())
    assert "audio #2 (ac3, fra, Commentaire, comment) is no longer marked as comment" in warnings
    assert "subtitle #4 (ass, deu, default, forced) is no longer marked as forced" in warnings


def test_slow_motion_drops_the_audio_and_keeps_the_text(rich: ClipInfo):
    plan = plan_streams(rich, MKV, wanted=KINDS, stretch=2)
    assert outcomes(plan) == {1: "left out", 2: "left out"} | dict.fromkeys((3, 4, 5, 6), "copied")
    assert {stream.reason for stream in plan.left_out} == {"slow motion has no audio"}


@pytest.mark.parametrize("codec, outcome", [("hdmv_pgs_subtitle", "copied"), ("dvd_subtitle", "left out")])
def test_slow_motion_drops_image_subtitles_whose_packets_contain_times(rich: ClipInfo, codec: str, outcome: str):
    others = (*rich.others[:2], replace(rich.others[2], codec=codec), *rich.others[3:])
    assert outcomes(plan_streams(replace(rich, others=others), MKV, wanted=KINDS, stretch=2))[3] == outcome


def test_audio_that_the_container_refuses_is_an_error_unless_no_audio_is_expected(rich: ClipInfo):
    with pytest.raises(OutputError, match=r"o\.webm: the audio cannot be copied: webm does not hold aac .*-an"):
        require_audio(plan_streams(rich, WEBM, wanted=KINDS), rich, Path("o.webm"))
    require_audio(plan_streams(rich, GIF, wanted=KINDS), rich, Path("o.gif"))
    require_audio(plan_streams(rich, WEBM, wanted=KINDS, stretch=2), rich, Path("o.webm"))
    require_audio(plan_streams(rich, WEBM, wanted=("subtitle",)), rich, Path("o.webm"))


def test_one_kept_audio_stream_is_enough(rich: ClipInfo):
    others = (replace(rich.others[0], codec="pcm_s16le"), *rich.others[1:])
    clip = replace(rich, others=others)
    plan = plan_streams(clip, MP4, wanted=("audio",))
    require_audio(plan, clip, Path("o.mp4"))
    assert list(plan.warnings()) == [f"{others[0]} is left out of the output: few players can play pcm_s16le in mp4"]


@pytest.mark.parametrize("source", ["in.avi", "in.mov", "in.mkv"])
def test_uncompressed_audio_is_refused_in_mp4(tmp_path: Path, source: str):
    clip = probe(make_clip(tmp_path / source, 10, audio="pcm_s16le"))
    with pytest.raises(OutputError, match=r"few players can play pcm_s16le in mp4 .*\.mov file, .*-c:a aac"):
        require_audio(plan_streams(clip, MP4, wanted=KINDS), clip, Path("o.mp4"))
    assert outcomes(plan_streams(clip, MOV, wanted=KINDS)) == {1: "copied"}


def test_the_muxer_is_tried_and_no_list_of_codecs_is_trusted(tmp_path: Path):
    """QuickTime has a codec tag for Opus, but its muxer refuses to write the header."""
    clip = probe(make_clip(tmp_path / "in.mkv", 10, audio="libopus"))
    found = {output.muxer: outcomes(plan_streams(clip, output, wanted=KINDS))[1] for output in (MOV, MP4, WEBM)}
    assert found == {"mov": "left out", "mp4": "copied", "webm": "copied"}


def with_data(path: Path, codec: str) -> ClipInfo:
    with av.open(str(path), "w") as sink:
        video = sink.add_stream("libx264", rate=10, options={"bf": "0"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        data = sink.add_data_stream(codec)
        for number in range(10):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            sink.mux(video.encode(frame))
            packet = av.Packet(b"position %d" % number)
            packet.stream, packet.time_base = data, Fraction(1, 10)
            packet.pts = packet.dts = number
            packet.duration = 1
            sink.mux(packet)
        sink.mux(video.encode(None))
    return probe(path)


def test_a_data_stream_is_copied_or_has_a_warning(tmp_path: Path):
    telemetry = with_data(tmp_path / "camera.mp4", "bin_data")
    assert outcomes(plan_streams(telemetry, MP4, wanted=KINDS)) == {1: "copied"}
    assert "matroska does not hold bin_data" in next(plan_streams(telemetry, MKV, wanted=KINDS).warnings())
    klv = with_data(tmp_path / "drone.ts", "klv")
    assert "data #1 (klv) is left out" in next(plan_streams(klv, MP4, wanted=KINDS).warnings())


def test_a_second_video_stream_has_a_warning(tmp_path: Path):
    clip, path = make_clip(tmp_path / "a.mkv", 5), tmp_path / "two.mkv"
    with av.open(str(clip)) as source, av.open(str(path), "w") as sink:
        copies = [sink.add_stream_from_template(source.streams.video[0], opaque=True) for _ in range(2)]
        for copy in copies:
            source.seek(0)
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = copy
                    sink.mux(packet)
    (second,) = plan_streams(probe(path), MKV, wanted=()).left_out
    assert isinstance(second, LeftOut) and "--video-stream 1" in second.reason


def test_a_file_that_changed_after_the_probe_is_an_input_error(rich: ClipInfo, tmp_path: Path):
    changed = replace(rich, path=make_clip(tmp_path / "other.mkv", 3))
    with pytest.raises(InputError, match="changed"):
        plan_streams(changed, MP4, wanted=KINDS)


def test_audio_that_the_muxer_refuses_does_not_count_as_damaged(tmp_path: Path):
    """QuickTime accepts the header of this codec, but refuses its packets."""
    clip = probe(make_clip(tmp_path / "a.avi", 10, audio="adpcm_ima_wav"))
    (left_out,) = plan_streams(clip, MOV, wanted=("audio",)).left_out
    assert (left_out.refused, left_out.damaged) == (True, False)


def test_audio_of_unknown_sample_rate_counts_as_refused(tmp_path: Path):
    clip, broken = make_clip(tmp_path / "a.mkv", 90, audio="ac3"), tmp_path / "broken.ts"
    with av.open(str(clip)) as source, av.open(str(broken), "w") as sink:
        copies = [sink.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.size:
                is_audio = packet.stream.type == "audio"
                written = av.Packet(bytes(packet.size)) if is_audio else packet
                written.time_base, written.pts, written.dts = packet.time_base, packet.pts, packet.dts
                written.stream = copies[packet.stream_index]
                sink.mux(written)
    plan = plan_streams(probe(broken), MP4, wanted=("audio",), audio_codec=AudioCodec("aac"))
    assert [(out.refused, out.reason) for out in plan.left_out] == [(True, "the file does not state its sample rate")]
