"""Copied streams: they keep their packets, in step with the video."""

from dataclasses import replace
from fractions import Fraction

import av
import pytest
from av.stream import Disposition

from tests.edits import with_edits
from tests.media import audio_packets, make_clip, video_times
from tests.streams import CHAPTERS, COVER, FONT, lines_of, make_rich, seen
from vfi_cli.video.formats import MKV, WEBM
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe
from vfi_cli.video.streams.stream_copy import StreamCopy
from vfi_cli.video.streams.stream_plan import plan_streams
from vfi_cli.video.write.encode import Encoder
from vfi_cli.video.write.encode_plan import plan_encode

KINDS = ("audio", "subtitle", "data", "attachment")


def copy(source, target, stretch=1, **trim):
    info = probe(source)
    plan = plan_encode(info, target, fps=info.average_rate, stretch=stretch, keep_audio=stretch == 1, **trim)
    kept = plan_streams(info, plan.output, wanted=KINDS, stretch=stretch)
    streams = StreamCopy(info, kept, origin=plan.origin, stretch=stretch, **trim)
    with Encoder(target, plan, streams) as encoder, decode(info, **trim) as decoder:
        for frame in decoder:
            encoder.write(replace(frame, pts=frame.pts * stretch, duration=frame.duration * stretch))
    encoder.verify()
    return target


def lag(path):
    """Time from the first frame to the first audio packet, in seconds."""
    return audio_packets(path)[0][0] - video_times(path)[0]


@pytest.mark.parametrize("source", ["a.mp4", "a.mkv", "a.ts"])
@pytest.mark.parametrize("target", ["o.mp4", "o.mov", "o.mkv"])
@pytest.mark.parametrize("codec", ["aac", "ac3"])
def test_copied_packets_are_unchanged_and_audio_stays_in_step_with_the_video(tmp_path, source, target, codec):
    clip = make_clip(tmp_path / source, 30, audio=codec)
    out = copy(clip, tmp_path / target)
    if not (source.endswith("ts") and codec == "aac"):  # packets from MPEG-TS lose their ADTS headers
        assert [data for _, data in audio_packets(out)] == [data for _, data in audio_packets(clip)]
    assert abs(lag(out) - lag(clip)) <= Fraction(1, 500)


def test_every_audio_stream_is_copied_with_its_language_and_default_flag(tmp_path):
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


def test_audio_that_starts_before_the_video_still_does_so(tmp_path):
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


def test_a_trimmed_output_has_the_audio_of_its_part(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 60, audio="ac3", options={"g": "10"})
    out = copy(clip, tmp_path / "o.mp4", start=Fraction(2), stop=Fraction(4))
    whole, part = audio_packets(clip), audio_packets(out)
    frames = video_times(out)
    assert (frames[0], len(frames)) == (0, 20)
    offset = [data for _, data in whole].index(part[0][1])
    assert [data for _, data in part] == [data for _, data in whole[offset : offset + len(part)]]
    for (old, _), (new, _) in zip(whole[offset:], part, strict=False):
        assert abs(old - 2 - new) <= Fraction(1, 500)
    assert 0 <= part[0][0] < Fraction(1, 20)
    assert Fraction(39, 20) < part[-1][0] + Fraction(32, 1000) < Fraction(41, 20)


def test_the_audio_of_several_edits_stays_in_step_with_the_video(tmp_path):
    """At the second edit, the demuxer returns preroll packets for the decoder again, with times before the start."""
    clip = make_clip(tmp_path / "a.mp4", 30, audio="aac", options={"g": "10", "bf": "0"})
    cut = with_edits(clip, tmp_path / "b.mp4", [(0, 1), (2, 1)])
    with av.open(str(cut)) as container:
        played = [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(audio=0)
            if packet.size and not packet.is_discard
        ]
    assert len(played) in range(92, 97)  # packets of 1024 samples at 48 kHz
    out = copy(cut, tmp_path / "o.mp4")
    assert len(video_times(out)) == 20
    copied = audio_packets(out)[-len(played) :]
    assert [data for _, data in copied] == [data for _, data in played]
    assert all(abs(new - old) < Fraction(1, 1000) for (new, _), (old, _) in zip(copied, played, strict=True))
    assert len(audio_packets(out)) <= len(played) + 1


def test_audio_after_the_trimmed_part_is_not_read(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 200, audio="ac3", audio_tracks=2)
    info, target = probe(clip), tmp_path / "o.mkv"
    audio = StreamCopy(info, plan_streams(info, MKV, wanted=KINDS), origin=Fraction(0), stop=Fraction(2))
    with av.open(str(target), "w") as output:
        audio.attach(output, MKV, target)
        output.start_encoding()
        audio.copy(output)
        unread = next(packet for packet in audio._container.demux() if packet.size)
        assert unread.pts * unread.time_base < 3
    audio.close()


def test_audio_is_interleaved_with_the_video(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 100, audio="aac", options={"g": "10"})
    out = copy(clip, tmp_path / "o.mkv")
    with av.open(str(out)) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    half = kinds[: len(kinds) // 2]
    assert 0.3 < half.count("audio") / kinds.count("audio") < 0.7


def test_uncompressed_audio_is_kept_in_mov(tmp_path):
    clip = make_clip(tmp_path / "a.avi", 10, audio="pcm_s16le")
    assert audio_packets(copy(clip, tmp_path / "o.mov"))


@pytest.mark.parametrize("target", ["o.mkv", "o.mp4", "o.mov"])
def test_packets_with_equal_times_are_all_copied(tmp_path, target):
    """Matroska rounds times to milliseconds, and a packet of TrueHD lasts 5/6 ms."""
    clip = make_clip(tmp_path / "a.mkv", 10, audio="ac3")
    short = tmp_path / "b.mkv"
    with av.open(str(clip)) as source, av.open(str(short), "w") as sink:
        copies = [sink.add_stream_from_template(stream) for stream in source.streams]
        count = 0
        for packet in source.demux():
            if packet.size:
                if packet.stream.type == "audio":
                    packet.pts = packet.dts = count * 5 // 6
                    packet.duration = 1
                    count += 1
                packet.stream = copies[packet.stream_index]
                sink.mux(packet)
    times = [time for time, _ in audio_packets(short)]
    assert len(set(times)) < len(times)
    out = copy(short, tmp_path / target)
    assert [data for _, data in audio_packets(out)] == [data for _, data in audio_packets(clip)]
    gaps = {abs(a - b) for (a, _), b in zip(audio_packets(out), times, strict=True)}
    assert max(gaps) <= Fraction(1, 500)


def test_a_repeated_packet_is_copied_once(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 10, audio="ac3")
    twice = tmp_path / "b.mkv"
    with av.open(str(clip)) as source, av.open(str(twice), "w") as sink:
        copies = [sink.add_stream_from_template(stream) for stream in source.streams]
        for number, packet in enumerate(packet for packet in source.demux() if packet.size):
            data, stream = bytes(packet), copies[packet.stream_index]
            packet.stream = stream
            again = av.Packet(data)
            again.stream, again.pts, again.dts, again.time_base = stream, packet.pts, packet.dts, packet.time_base
            sink.mux(packet)
            if number % 9 == 0 and stream.type == "audio":
                sink.mux(again)
    assert len(audio_packets(twice)) > len(audio_packets(clip))
    out = copy(twice, tmp_path / "o.mkv")
    assert [data for _, data in audio_packets(out)] == [data for _, data in audio_packets(clip)]


def test_audio_continues_after_its_timestamps_jump_back(tmp_path):
    first = make_clip(tmp_path / "a.ts", 20, audio="ac3", format="mpegts")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() * 2)
    times = [time for time, _ in audio_packets(copy(joined, tmp_path / "o.mkv"))]
    assert times == sorted(times)
    assert times[-1] > Fraction(7, 2)


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    return make_rich(tmp_path_factory.mktemp("rich") / "rich.mkv")


def attached_files(path):
    """Content by name of all attached files; a cover has the name "cover"."""
    with av.open(str(path)) as container:
        files = {stream.name: stream.data for stream in container.streams if stream.type == "attachment"}
        covers = [stream for stream in container.streams.video if stream.disposition & Disposition.attached_pic]
        for stream in covers:
            files["cover"] = bytes(next(packet for packet in container.demux(stream) if packet.size))
    return files


def lines_since_first_frame(path):
    """Lines with times in ms after the first frame. Matroska has no negative times: early audio shifts all streams."""
    first = float(video_times(path)[0])
    return [(round(1000 * (start - first)), round(1000 * (end - first)), text) for start, end, text in lines_of(path)]


def chapters_of(path):
    return [(float(chapter.start), float(chapter.end), chapter.metadata["title"]) for chapter in probe(path).chapters]


def test_matroska_to_matroska_keeps_all_streams_chapters_and_tags(rich, tmp_path):
    out = copy(rich, tmp_path / "o.mkv")
    assert seen(out) == seen(rich)
    for track in (0, 1):
        assert [data for _, data in audio_packets(out, track)] == [data for _, data in audio_packets(rich, track)]
        assert lines_of(out, track) == lines_of(rich, track)
    assert attached_files(out) == attached_files(rich) == {"font.ttf": FONT, "cover": COVER}
    assert chapters_of(out) == [(start, end, title) for start, end, title in CHAPTERS]
    old, new = probe(rich), probe(out)
    assert (new.sar, new.rotation, new.timecode) == (old.sar, old.rotation, "01:00:00:05")
    assert new.metadata["title"] == "Film" and new.metadata["CUSTOM"] == "any"


@pytest.mark.parametrize("name", ["o.mp4", "o.mov"])
def test_matroska_to_mp4_converts_the_text_subtitles(rich, tmp_path, name):
    out = copy(rich, tmp_path / name)
    kept = seen(out)
    assert [codec for kind, codec, *_ in kept if kind != "data"][:5] == ["h264", "aac", "ac3", "mov_text", "mov_text"]
    assert [language for _, _, language, *_ in kept][:4] == ["jpn", "eng", "fra", "eng"]
    assert kept[4][2] == ("deu" if name == "o.mp4" else "ger")  # QuickTime's code for German
    assert [title for *_, title, _ in kept][:3] == ["Picture", "English", "Commentaire"]
    assert [line for _, _, line in lines_of(out)] == ["one", "two", "two\nthree", "three", "four"]
    assert chapters_of(out) == [(start, end, title) for start, end, title in CHAPTERS]
    new = probe(out)
    assert (new.sar, new.rotation) == (Fraction(16, 11), 90)
    assert new.timecode == "01:00:00:5"  # at ten frames a second, MP4 writes frame numbers with one digit
    if name == "o.mp4":
        assert attached_files(out) == {"cover": COVER}
        assert kept[4][4] == {"default", "forced"}


def test_mp4_to_matroska_and_back_keeps_everything(rich, tmp_path):
    first = copy(rich, tmp_path / "a.mp4")
    second = copy(first, tmp_path / "b.mkv")
    third = copy(second, tmp_path / "c.mp4")
    assert seen(third) == seen(first)
    assert lines_since_first_frame(third) == lines_since_first_frame(first)
    assert attached_files(third) == attached_files(first) == attached_files(second)
    assert chapters_of(third) == chapters_of(first)
    assert probe(third).timecode == probe(first).timecode != ""


def test_webm_gets_the_text_subtitles(rich, tmp_path):
    info = probe(rich)
    plan = plan_encode(info, tmp_path / "o.webm", fps=Fraction(10), keep_audio=False)
    kept = plan_streams(info, WEBM, wanted=("subtitle",))
    with (
        Encoder(tmp_path / "o.webm", plan, StreamCopy(info, kept, origin=plan.origin)) as encoder,
        decode(info) as decoder,
    ):
        for frame in decoder:
            encoder.write(frame)
    encoder.verify()
    assert [line for _, _, line in lines_of(tmp_path / "o.webm", 1)] == ["one", "two", "two\nthree", "three", "four"]
    assert seen(tmp_path / "o.webm")[2][1:3] == ("webvtt", "deu")
    assert (probe(tmp_path / "o.webm").sar, probe(tmp_path / "o.webm").rotation) == (Fraction(16, 11), 90)
    assert probe(tmp_path / "o.webm").tags["title"] == "Picture"


@pytest.mark.parametrize("name", ["o.mkv", "o.mp4"])
def test_trimming_shifts_text_with_the_video_and_cuts_the_lines_at_both_ends(rich, tmp_path, name):
    lines = lines_of(copy(rich, tmp_path / name, start=Fraction(1, 2), stop=Fraction(9, 4)))
    assert (lines[0][:2], lines[0][2]) == ((0.0, 0.5), "one")
    assert lines[1][0] == pytest.approx(0.7) and "two" in lines[1][2]
    assert lines[-1][1] == pytest.approx(1.75) and "three" in lines[-1][2]
    assert chapters_of(tmp_path / name) == [(0.0, 1.5, "Start"), (1.5, 1.75, "End")]
    assert probe(tmp_path / name).timecode.startswith("01:00:01:0")


def test_a_line_that_began_long_before_the_trimmed_part_is_still_shown(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 30, rate=1, audio="aac", options={"g": "1"})
    path = tmp_path / "long.mkv"
    with av.open(str(clip)) as source, av.open(str(path), "w") as sink:
        copies = [sink.add_stream_from_template(stream, opaque=True) for stream in source.streams]
        text = sink.add_stream("subrip")
        text.codec_context.subtitle_header = b"[Script Info]\n"
        line = av.Packet(b"a long sign")
        line.stream, line.time_base, line.pts, line.dts, line.duration = text, Fraction(1, 1000), 0, 0, 26000
        sink.mux(line)
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                sink.mux(packet)
    out = copy(path, tmp_path / "o.mkv", start=Fraction(25), stop=Fraction(28))
    assert lines_of(out) == [(0.0, 1.0, "a long sign")]
    assert abs(audio_packets(out)[0][0]) < Fraction(1, 20)


@pytest.mark.parametrize("name", ["o.mkv", "o.mp4"])
def test_slow_motion_stretches_the_text_and_the_chapters(rich, tmp_path, name):
    out = copy(rich, tmp_path / name, stretch=2)
    lines = lines_of(out)
    assert lines[0] == (0.0, 2.0, "one")
    assert (lines[-1][0], lines[-1][1]) == (8.0, 9.0)
    assert chapters_of(out) == [(0.0, 4.0, "Start"), (4.0, 10.0, "End")]
    assert probe(out).audio == ()


def test_a_subtitle_stream_without_a_line_in_the_trimmed_part_is_kept(rich, tmp_path):
    for name in ("o.mkv", "o.mp4"):
        out = copy(rich, tmp_path / name, start=Fraction(3), stop=Fraction(7, 2))
        assert [kind for kind, *_ in seen(out)].count("subtitle") == 2
        assert lines_of(out) == []


def test_audio_that_ends_before_the_trimmed_part_is_no_error(tmp_path):
    silent = make_clip(tmp_path / "v.mkv", 50, options={"g": "10", "bf": "0"})
    tone = make_clip(tmp_path / "t.mkv", 10, audio="ac3")
    both = tmp_path / "both.mkv"
    with av.open(str(silent)) as a, av.open(str(tone)) as b, av.open(str(both), "w") as sink:
        video = sink.add_stream_from_template(a.streams.video[0], opaque=True)
        audio = sink.add_stream_from_template(b.streams.audio[0], opaque=True)
        packets = [(packet, video) for packet in a.demux(video=0)] + [(packet, audio) for packet in b.demux(audio=0)]
        for packet, stream in sorted((p for p in packets if p[0].size), key=lambda p: p[0].pts * p[0].time_base):
            packet.stream = stream
            sink.mux(packet)
    for name in ("o.mkv", "o.mp4"):
        assert len(video_times(copy(both, tmp_path / name, start=Fraction(3)))) == 20


def test_lines_with_equal_times_are_all_copied(tmp_path):
    clip, path = make_clip(tmp_path / "a.mkv", 20), tmp_path / "b.mkv"
    with av.open(str(clip)) as source, av.open(str(path), "w") as sink:
        video = sink.add_stream_from_template(source.streams.video[0], opaque=True)
        text = sink.add_stream("subrip")
        text.codec_context.subtitle_header = b"[Script Info]\n"
        for words in (b"above", b"below"):
            line = av.Packet(words)
            line.stream, line.time_base, line.pts, line.dts, line.duration = text, Fraction(1, 1000), 500, 500, 500
            sink.mux(line)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = video
                sink.mux(packet)
    assert lines_of(copy(path, tmp_path / "o.mkv")) == [(0.5, 1.0, "above"), (0.5, 1.0, "below")]
    assert lines_of(copy(path, tmp_path / "o.mp4")) == [(0.5, 1.0, "above\nbelow")]


@pytest.mark.parametrize("name", ["o.mkv", "o.mp4"])
def test_audio_that_an_edit_list_cuts_off_is_not_copied(tmp_path, name):
    clip, cut = make_clip(tmp_path / "a.mp4", 30, audio="ac3", options={"g": "30", "bf": "0"}), tmp_path / "cut.mp4"
    late = Fraction(13, 10)
    with (
        av.open(str(clip)) as source,
        av.open(str(cut), "w", container_options={"avoid_negative_ts": "disabled"}) as sink,
    ):
        copies = [sink.add_stream_from_template(stream, opaque=True) for stream in source.streams]
        for packet in source.demux():
            if packet.size:
                packet.dts -= round(late / packet.time_base)
                packet.pts -= round(late / packet.time_base)
                packet.stream = copies[packet.stream.index]
                sink.mux(packet)
    out = copy(cut, tmp_path / name)
    assert len(video_times(out)) == 17
    assert abs(lag(out)) < Fraction(1, 10)
    whole, kept = audio_packets(clip), audio_packets(out)
    assert [data for _, data in kept] == [data for _, data in whole[-len(kept) :]]
    assert abs(kept[-1][0] - video_times(out)[0] - (whole[-1][0] - late)) <= Fraction(1, 500)
