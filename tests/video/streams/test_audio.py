"""Converted audio: every sample keeps its time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.media import make_clip
from tests.sounds import heard, make_beeps
from vfi_cli.errors import OutputError, UsageError
from vfi_cli.jobs.interp.plan import InterpJob
from vfi_cli.video.formats import MP4, WEBM
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe
from vfi_cli.video.streams.audio import AudioCodec
from vfi_cli.video.streams.require_audio import require_audio
from vfi_cli.video.streams.stream_copy import StreamCopy
from vfi_cli.video.streams.stream_plan import plan_streams
from vfi_cli.video.write.encode import Encoder
from vfi_cli.video.write.encode_plan import plan_encode


def convert(source: Path, target: Path, name: str, bit_rate: int | None = None, **trim) -> StreamCopy:
    info = probe(source)
    plan = plan_encode(info, target, fps=info.average_rate, **trim)
    kept = plan_streams(info, plan.output, wanted=("audio",), audio_codec=AudioCodec(name, bit_rate))
    assert kept.kept, kept.left_out
    streams = StreamCopy(info, kept, origin=plan.origin, **trim)
    with Encoder(target, plan, streams) as encoder, decode(info, **trim) as decoder:
        for frame in decoder:
            encoder.write(frame)
    encoder.verify()
    return streams


def audio_format(path: Path) -> tuple[str, int, str]:
    """(codec, sample rate, layout) of the first audio stream."""
    with av.open(str(path)) as source:
        stream = source.streams.audio[0]
        return stream.codec_context.codec.canonical_name, stream.rate, stream.layout.name


TARGETS = [("o.mp4", "aac"), ("o.mkv", "flac"), ("o.mov", "pcm_s16le"), ("o.mp4", "libopus"), ("o.mkv", "ac3")]


@pytest.mark.parametrize(("source", "codec"), [("a.mov", "pcm_s16le"), ("a.mp4", "aac"), ("a.mkv", "libmp3lame")])
@pytest.mark.parametrize(("target", "name"), TARGETS)
def test_a_beep_keeps_its_time_although_codecs_add_samples_before_it(tmp_path, source, codec, target, name):
    clip = make_beeps(tmp_path / source, codec)
    convert(clip, tmp_path / target, name)
    beeps, end, _ = heard(tmp_path / target)
    assert beeps == pytest.approx([0.25, 1.25], abs=0.001)
    assert 1.5 - 0.001 <= end <= 1.5 + 0.05  # the last packet may be padded


@pytest.mark.parametrize(("target", "name"), TARGETS)
def test_a_trimmed_output_has_exactly_its_own_samples(tmp_path, target, name):
    clip = make_beeps(tmp_path / "a.mov", "pcm_s16le")
    convert(clip, tmp_path / target, name, start=Fraction(1), stop=Fraction(7, 5))
    beeps, end, samples = heard(tmp_path / target)
    assert beeps == pytest.approx([0.25], abs=0.001)
    assert end >= 0.4 - 0.001
    if name in ("flac", "pcm_s16le"):
        assert samples == 19_200


def test_a_lossless_codec_keeps_every_sample(tmp_path):
    clip = make_beeps(tmp_path / "a.avi", "adpcm_ms", rate=44_100, layout="stereo")
    convert(clip, tmp_path / "o.mkv", "flac")
    signals = []
    for path in (clip, tmp_path / "o.mkv"):
        with av.open(str(path)) as source:
            frames = list(source.decode(audio=0))
            to_s16 = av.AudioResampler("s16", "stereo", 44_100)
            signals.append(
                b"".join(bytes(part.planes[0])[: part.samples * 4] for f in frames for part in to_s16.resample(f))
            )
    assert signals[0] == signals[1]
    assert audio_format(tmp_path / "o.mkv") == ("flac", 44_100, "stereo")


def test_a_gap_in_the_timestamps_becomes_silence(tmp_path):
    clip = make_beeps(tmp_path / "a.mkv", "ac3", (0.25, 0.75), seconds=1.5, pause=(16, 0.3))  # from 0.512 s on
    convert(clip, tmp_path / "o.mov", "pcm_s16le")
    beeps, end, samples = heard(tmp_path / "o.mov")
    assert beeps == pytest.approx([0.25, 1.05], abs=0.0015)  # Matroska rounds times to milliseconds
    assert end == pytest.approx(1.8, abs=0.04) and samples == pytest.approx(48_000 * end, abs=400)


def test_every_audio_stream_is_converted(tmp_path):
    clip = make_beeps(tmp_path / "a.mov", "pcm_s16le", tracks=2)
    convert(clip, tmp_path / "o.mp4", "aac")
    assert heard(tmp_path / "o.mp4", 0)[0] == pytest.approx([0.25, 1.25], abs=0.001)
    assert heard(tmp_path / "o.mp4", 1)[0] == pytest.approx([0.35, 1.35], abs=0.001)


@pytest.mark.parametrize(
    ("name", "rate", "layout", "expected"),
    [
        ("libopus", 44_100, "stereo", ("opus", 48_000, "stereo")),  # Opus has five sample rates
        ("libmp3lame", 48_000, "5.1", ("mp3", 48_000, "stereo")),  # MP3 has two channels
        ("aac", 44_100, "5.1", ("aac", 44_100, "5.1")),
        ("ac3", 22_050, "mono", ("ac3", 32_000, "mono")),
        ("opus", 48_000, "mono", ("opus", 48_000, "mono")),
    ],
)
def test_sample_rate_and_channels_are_kept_or_become_the_nearest(tmp_path, name, rate, layout, expected):
    clip = make_beeps(tmp_path / "a.mkv", "pcm_s16le", rate=rate, layout=layout)
    convert(clip, tmp_path / "o.mkv", name)
    assert audio_format(tmp_path / "o.mkv") == expected
    assert heard(tmp_path / "o.mkv")[0] == pytest.approx([0.25, 1.25], abs=0.002)


def test_the_requested_bit_rate_is_used(tmp_path):
    clip, sizes = make_clip(tmp_path / "a.mkv", 20, audio="flac"), []
    for bit_rate in (64_000, 256_000):
        convert(clip, tmp_path / "o.mp4", "aac", bit_rate)
        with av.open(str(tmp_path / "o.mp4")) as source:
            sizes.append(sum(packet.size for packet in source.demux(audio=0)))
    assert sizes[0] * 8 / 2 == pytest.approx(64_000, rel=0.3)
    assert sizes[1] > 1.5 * sizes[0]


def test_damaged_packets_are_counted_and_the_others_keep_their_times(tmp_path):
    clip = make_beeps(tmp_path / "a.mkv", "flac", (0.25, 1.25))
    broken = tmp_path / "broken.mkv"
    with av.open(str(clip)) as source, av.open(str(broken), "w") as sink:
        copies = [sink.add_stream_from_template(stream, opaque=True) for stream in source.streams]
        count = 0
        for packet in source.demux():
            index, written = packet.stream_index, packet
            count += index == 1
            if index == 1 and count in (8, 9):
                written = av.Packet(b"\xff" * packet.size)
                written.pts, written.dts, written.time_base = packet.pts, packet.dts, packet.time_base
            if written.size:
                written.stream = copies[index]
                sink.mux(written)
    streams = convert(broken, tmp_path / "o.mov", "pcm_s16le")
    assert streams.damaged == 2
    assert heard(tmp_path / "o.mov")[0] == pytest.approx([0.25, 1.25], abs=0.0015)


def test_an_audio_codec_that_the_container_or_encoder_refuses_is_an_error_before_the_work(tmp_path):
    clip = probe(make_beeps(tmp_path / "a.mkv", "pcm_s16le"))
    plan = plan_streams(clip, WEBM, wanted=("audio",), audio_codec=AudioCodec("aac"))
    with pytest.raises(OutputError, match="webm does not hold aac") as caught:
        require_audio(plan, clip, tmp_path / "o.webm", AudioCodec("aac"))
    assert "-c:a libopus" in caught.value.remedy and ".mkv" in caught.value.remedy
    plan = plan_streams(clip, MP4, wanted=("audio",), audio_codec=AudioCodec("libopus", 1))
    with pytest.raises(OutputError, match="libopus refuses audio of 48000 Hz and 1 channels at 1 bits"):
        require_audio(plan, clip, tmp_path / "o.mp4", AudioCodec("libopus", 1))


def test_slow_motion_has_no_converted_audio(tmp_path):
    clip = probe(make_beeps(tmp_path / "a.mkv", "pcm_s16le"))
    plan = plan_streams(clip, MP4, wanted=("audio",), stretch=2, audio_codec=AudioCodec("aac"))
    assert [out.reason for out in plan.left_out] == ["slow motion has no audio"]


@pytest.mark.parametrize(
    ("name", "bit_rate", "message"),
    [
        ("nonsense", None, "there is no encoder 'nonsense'"),
        ("libx264", None, "'libx264' is not an audio encoder"),
        ("aac", 0, "-b:a 0 is not a bit rate"),
        ("flac", 192_000, "flac is lossless"),
    ],
)
def test_a_wrong_codec_or_bit_rate_is_an_error(name, bit_rate, message):
    with pytest.raises(UsageError, match=message):
        AudioCodec(name, bit_rate)


def test_converting_and_dropping_the_audio_exclude_each_other():
    with pytest.raises(UsageError, match="-an exclude each other"):
        InterpJob(source=Path("a.mp4"), audio=False, audio_codec=AudioCodec("aac"))
