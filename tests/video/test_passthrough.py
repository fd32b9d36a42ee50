"""Sound: the same packets, in step with the picture."""

from fractions import Fraction

import av
import pytest

from tests.media import audio_packets, make_clip, video_times
from vfi_cli.errors import OutputError
from vfi_cli.video.decode import decode
from vfi_cli.video.encode import Encoder
from vfi_cli.video.output import plan_encode
from vfi_cli.video.passthrough import StreamCopy
from vfi_cli.video.probe import probe


def copy(source, target, **trim):
    info = probe(source)
    plan = plan_encode(info, target, fps=info.average_rate, **trim)
    audio = StreamCopy(info, origin=plan.origin, **trim)
    with Encoder(target, plan, audio) as encoder, decode(info, **trim) as decoder:
        for frame in decoder:
            encoder.write(frame)
    encoder.verify()
    return target


def lag(path):
    """From the first picture to the first packet of sound, in seconds."""
    return audio_packets(path)[0][0] - video_times(path)[0]


@pytest.mark.parametrize("source", ["a.mp4", "a.mkv", "a.ts"])
@pytest.mark.parametrize("target", ["o.mp4", "o.mov", "o.mkv"])
@pytest.mark.parametrize("codec", ["aac", "ac3"])
def test_packets_are_the_same_and_sound_stays_with_the_picture(tmp_path, source, target, codec):
    clip = make_clip(tmp_path / source, 30, audio=codec)
    out = copy(clip, tmp_path / target)
    if not (source.endswith("ts") and codec == "aac"):  # there, packets lose their ADTS headers
        assert [data for _, data in audio_packets(out)] == [data for _, data in audio_packets(clip)]
    assert abs(lag(out) - lag(clip)) <= Fraction(1, 500)


def test_every_track_is_copied_with_its_language_and_default_flag(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 10, audio="aac", audio_tracks=2)
    named = tmp_path / "named.mkv"
    with av.open(str(clip)) as source, av.open(str(named), "w") as sink:
        copies = [sink.add_stream_from_template(stream, opaque=True) for stream in source.streams]
        for stream, language in zip(copies[1:], ("fra", "deu"), strict=True):
            stream.metadata["language"] = language
        copies[2].disposition = av.stream.Disposition.default
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                sink.mux(packet)
    out = probe(copy(named, tmp_path / "o.mkv"))
    assert [stream.language for stream in out.audio] == ["fra", "deu"]
    with av.open(str(tmp_path / "o.mkv")) as container:
        flags = [bool(s.disposition & av.stream.Disposition.default) for s in container.streams.audio]
    assert flags == [False, True]


def test_sound_that_starts_before_the_picture_keeps_its_lead(tmp_path):
    times = [Fraction(1, 2) + Fraction(n, 10) for n in range(20)]
    silent = make_clip(tmp_path / "v.mkv", times=times, time_base=Fraction(1, 1000), options={"bf": "0"})
    tone = make_clip(tmp_path / "t.mkv", 25, audio="ac3")
    both = tmp_path / "both.mkv"
    with av.open(str(silent)) as a, av.open(str(tone)) as b, av.open(str(both), "w") as sink:
        video = sink.add_stream_from_template(a.streams.video[0], opaque=True)
        audio = sink.add_stream_from_template(b.streams.audio[0], opaque=True)
        packets = [(packet, video) for packet in a.demux(video=0)] + [(packet, audio) for packet in b.demux(audio=0)]
        packets = [pair for pair in packets if pair[0].size]
        for packet, stream in sorted(packets, key=lambda pair: pair[0].pts * pair[0].time_base):
            packet.stream = stream
            sink.mux(packet)
    out = copy(both, tmp_path / "o.mp4")
    assert abs(lag(out) - lag(both)) <= Fraction(1, 500)
    assert abs(lag(out) + Fraction(1, 2)) < Fraction(1, 100)


def test_trim_takes_the_sound_of_the_part_that_is_shown(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 60, audio="ac3", options={"g": "10"})
    out = copy(clip, tmp_path / "o.mp4", start=Fraction(2), stop=Fraction(4))
    whole, part = audio_packets(clip), audio_packets(out)
    picture = video_times(out)
    assert (picture[0], len(picture)) == (0, 20)
    offset = [data for _, data in whole].index(part[0][1])
    assert [data for _, data in part] == [data for _, data in whole[offset : offset + len(part)]]
    for (old, _), (new, _) in zip(whole[offset:], part, strict=False):
        assert abs(old - 2 - new) <= Fraction(1, 500)
    assert 0 <= part[0][0] < Fraction(1, 20)
    assert Fraction(39, 20) < part[-1][0] + Fraction(32, 1000) < Fraction(41, 20)


def test_sound_after_the_part_that_is_shown_is_not_read(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 200, audio="ac3", audio_tracks=2)
    info, target = probe(clip), tmp_path / "o.mkv"
    audio = StreamCopy(info, origin=Fraction(0), stop=Fraction(2))
    with av.open(str(target), "w") as output:
        audio.attach(output, target)
        output.start_encoding()
        audio.copy(output)
        unread = next(packet for packet in audio._container.demux() if packet.size)
        assert unread.pts * unread.time_base < 3
    audio.close()


def test_sound_is_interleaved_with_the_picture(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 100, audio="aac", options={"g": "10"})
    out = copy(clip, tmp_path / "o.mkv")
    with av.open(str(out)) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    half = kinds[: len(kinds) // 2]
    assert 0.3 < half.count("audio") / kinds.count("audio") < 0.7


def test_a_codec_the_container_refuses_is_refused_before_the_first_frame(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 10, audio="aac")
    info, target = probe(clip), tmp_path / "o.webm"
    plan = plan_encode(info, target, fps=Fraction(10))
    with pytest.raises(OutputError, match=r"webm cannot hold the audio codec aac .*-an"):
        Encoder(target, plan, StreamCopy(info, origin=plan.origin))


def test_uncompressed_sound_is_refused_in_mp4_before_the_first_frame_and_kept_in_mov(tmp_path):
    clip = make_clip(tmp_path / "a.avi", 10, audio="pcm_s16le")
    info, target = probe(clip), tmp_path / "o.mp4"
    plan = plan_encode(info, target, fps=Fraction(10))
    with pytest.raises(OutputError, match=r"mp4 cannot hold the audio codec pcm_s16le .*\.mov"):
        Encoder(target, plan, StreamCopy(info, origin=plan.origin))
    assert audio_packets(copy(clip, tmp_path / "o.mov"))


def test_sound_whose_clock_jumps_back_is_carried_on(tmp_path):
    first = make_clip(tmp_path / "a.ts", 20, audio="ac3", format="mpegts")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() * 2)
    times = [time for time, _ in audio_packets(copy(joined, tmp_path / "o.mkv"))]
    assert times == sorted(times)
    assert times[-1] > Fraction(7, 2)
