"""Every packet of a stream is copied if the muxer takes it, even if FFmpeg's lists of codecs say otherwise."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.media import audio_packets, make_clip, video_times
from tests.sounds import make_beeps
from vfi_cli.errors import OutputError
from vfi_cli.video.formats import MOV, MP4
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe
from vfi_cli.video.streams.require_audio import require_audio
from vfi_cli.video.streams.stream_copy import StreamCopy
from vfi_cli.video.streams.stream_plan import plan_streams
from vfi_cli.video.write.encode import Encoder
from vfi_cli.video.write.encode_plan import plan_encode

KINDS = ("audio", "subtitle", "data", "attachment")


def copy(source: Path, target: Path, **trim) -> Path:
    info = probe(source)
    plan = plan_encode(info, target, fps=info.average_rate, **trim)
    streams = StreamCopy(info, plan_streams(info, plan.output, wanted=KINDS), origin=plan.origin, **trim)
    with Encoder(target, plan, streams) as encoder, decode(info, **trim) as decoder:
        for frame in decoder:
            encoder.write(frame)
    encoder.verify()
    assert streams.damaged == 0
    return target


COPIES = [
    ("wmav2", "a.wmv", ("mkv",)),
    ("wmav1", "a.wmv", ("mkv",)),
    ("adpcm_ms", "a.avi", ("mkv",)),
    ("adpcm_ima_wav", "a.avi", ("mkv",)),
    ("adpcm_yamaha", "a.avi", ("mkv",)),
    ("pcm_alaw", "a.avi", ("mkv", "mov")),
    ("pcm_mulaw", "a.mov", ("mkv", "mov")),
    ("pcm_s16be", "a.mov", ("mkv", "mov")),
    ("pcm_s24le", "a.mkv", ("mkv", "mov")),
    ("pcm_f32le", "a.mkv", ("mkv", "mov")),
    ("mp2", "a.ts", ("mkv", "mov", "mp4")),
    ("libmp3lame", "a.avi", ("mkv", "mov", "mp4")),
    ("aac", "a.mkv", ("mkv", "mov", "mp4")),
    ("ac3", "a.mkv", ("mkv", "mov", "mp4")),
    ("eac3", "a.mkv", ("mkv", "mov", "mp4")),
    ("alac", "a.mkv", ("mkv", "mov", "mp4")),  # Matroska does not state the duration of these packets
    ("flac", "a.mkv", ("mkv", "mp4")),
    ("libopus", "a.mkv", ("mkv", "mp4", "webm")),
    ("vorbis", "a.mkv", ("mkv", "mp4", "webm")),
    ("wavpack", "a.mkv", ("mkv",)),
    ("tta", "a.mkv", ("mkv",)),
]


@pytest.mark.parametrize(
    ("codec", "source", "target"),
    [(codec, source, suffix) for codec, source, suffixes in COPIES for suffix in suffixes],
)
def test_every_packet_is_copied(tmp_path: Path, codec: str, source: str, target: str):
    clip = make_beeps(tmp_path / source, codec, (0.1,), seconds=0.5, layout="stereo")
    before = [data for _, data in audio_packets(clip)]
    after = [data for _, data in audio_packets(copy(clip, tmp_path / f"o.{target}"))]
    assert b"".join(after) == b"".join(before)
    if not codec.startswith("pcm_"):  # the packets of PCM may be divided differently
        assert len(after) == len(before) > 0


def test_a_stream_is_left_out_if_the_container_loses_data_that_its_decoder_needs(tmp_path: Path):
    """QuickTime takes these packets and returns them, but loses the extradata or the block size."""
    for codec, name in (("wmav2", "a.wmv"), ("adpcm_swf", "a.avi")):
        rate = 44_100 if codec == "adpcm_swf" else 48_000
        clip = probe(make_beeps(tmp_path / name, codec, (0.0,), seconds=0.5, rate=rate, layout="stereo"))
        assert plan_streams(clip, MOV, wanted=KINDS).kept == ()


def test_only_remedies_that_work_are_suggested(tmp_path: Path):
    clip = probe(make_beeps(tmp_path / "a.wmv", "wmav2", (0.1,), seconds=0.5))
    with pytest.raises(OutputError, match="mp4 does not hold wmav2") as caught:
        require_audio(plan_streams(clip, MP4, wanted=KINDS), clip, tmp_path / "o.mp4")
    assert caught.value.remedy == "write a .mkv file, convert it with -c:a aac, or drop the audio with -an"


def with_late_stream(path: Path, codec: str, begin: int) -> Path:
    """A clip with three seconds of video, and a stream of `codec` with a single packet at `begin` seconds."""
    clip = make_clip(path.with_name("plain.mkv"), 30, options={"g": "10", "bf": "0"})
    with av.open(str(clip)) as source, av.open(str(path), "w") as sink:
        video = sink.add_stream_from_template(source.streams.video[0], opaque=True)
        late = sink.add_mux_stream(codec)
        late.time_base = Fraction(1, 1000)
        packets = []
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = video
                packets.append(packet)
        image = av.Packet(bytes.fromhex("0024001a00 0000 0000 0000 0000".replace(" ", "")) + bytes(23))
        image.stream, image.time_base, image.duration = late, Fraction(1, 1000), 500
        image.pts = image.dts = 1000 * begin
        packets.append(image)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            sink.mux(packet)
    return path


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv"])
def test_image_subtitles_without_a_packet_in_the_trimmed_part_are_no_error(tmp_path: Path, name: str):
    clip = with_late_stream(tmp_path / "a.mkv", "dvd_subtitle", 2)
    assert [stream.codec for stream in probe(clip).others] == ["dvd_subtitle"]
    assert len(video_times(copy(clip, tmp_path / name, stop=Fraction(1)))) == 10


def test_a_copied_stream_that_is_missing_in_the_output_is_an_error(tmp_path: Path):
    clip = make_beeps(tmp_path / "a.mkv", "ac3")
    info, target = probe(clip), tmp_path / "o.mkv"
    plan = plan_encode(info, target, fps=info.average_rate)
    streams = StreamCopy(info, plan_streams(info, plan.output, wanted=KINDS), origin=plan.origin)
    with Encoder(target, plan, streams) as encoder, decode(info) as decoder:
        for frame in decoder:
            encoder.write(frame)
    with av.open(str(target)) as source, av.open(str(tmp_path / "silent.mkv"), "w") as sink:
        video = sink.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = video
                sink.mux(packet)
    (tmp_path / "silent.mkv").replace(target)
    with pytest.raises(OutputError, match="cannot be read back: 1 audio") as caught:
        encoder.verify()
    assert "-an" in caught.value.remedy
