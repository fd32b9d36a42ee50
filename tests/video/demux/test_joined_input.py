"""Joined files: every part is read, and video and audio get one clock."""

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

import av
import pytest

from tests.media import audio_packets, make_clip, number_of, video_times
from tests.video.streams.test_stream_copy import copy
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe

RATE = 25
FRAMES = 20  # of a part
REORDERING = ("libx264", "mpeg4", "mpeg2video")


@dataclass(frozen=True)
class Kind:
    video: str = "libx264"
    audio: str = "ac3"
    muxing: dict[str, str] = field(default_factory=dict)
    format: str | None = None
    rounding: Fraction = Fraction(1, 400)  # seconds


KINDS = {
    "a.mkv": Kind(),
    "live.mkv": Kind(muxing={"live": "1"}),
    "a.mp4": Kind(),
    "a.mov": Kind(audio="aac"),
    "fragments.mp4": Kind(muxing={"movflags": "frag_keyframe+delay_moov+default_base_moof"}),
    "a.avi": Kind("mpeg4", "mp2", rounding=Fraction(12, 1000)),
    "a.ogv": Kind("libvpx", "libopus", format="ogg"),
    "a.flv": Kind(audio="aac"),
    "a.wmv": Kind("wmv2", "libmp3lame"),
    "a.mxf": Kind("mpeg2video", "pcm_s16le"),
    "a.nut": Kind(),
}


def make(folder, name, count=3, audio_seconds=None, reordered=2):
    """Make `count` parts with consecutive frame numbers. `reordered`: number of B-frames in sequence."""
    kind = KINDS[name]
    return [
        make_clip(
            folder / f"{n}-{name}",
            FRAMES,
            rate=RATE,
            shown=range(n * FRAMES, (n + 1) * FRAMES),
            codec=kind.video,
            audio=kind.audio,
            audio_seconds=audio_seconds,
            options={"g": "5", "bf": str(reordered if kind.video in REORDERING else 0)},
            format=kind.format,
            muxing=kind.muxing,
        )
        for n in range(count)
    ]


def joined(folder, name, parts):
    whole = folder / f"joined-{name}"
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))
    return whole


def numbers(frames):
    return [number_of(frame.planes[0]) for frame in frames]


SHOWN = list(range(3 * FRAMES))


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_of_every_part_is_read_with_even_spacing(tmp_path, name):
    info = probe(joined(tmp_path, name, make(tmp_path, name)))
    with decode(info) as decoder:
        frames = list(decoder)
    assert numbers(frames) == SHOWN
    assert decoder.damaged == 0
    gaps = [right.pts - left.pts for left, right in pairwise(frames)]
    assert all(abs(gap - Fraction(1, RATE)) <= Fraction(1, 1000) for gap in gaps if gap not in (gaps[19], gaps[39]))
    assert all(0 <= gaps[at] - Fraction(1, RATE) <= Fraction(1, RATE) for at in (19, 39))  # audio can be a frame longer
    assert abs(info.duration - (frames[-1].pts + frames[-1].duration - frames[0].pts)) <= Fraction(1, 1000)
    assert info.frame_count == len(frames)
    assert any(note.startswith("2 discontinuities") for note in info.notes)


def audio_of(path):
    """(seconds after the first frame, data) of the audio packets that are played."""
    begin = video_times(path)[0]
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size and not packet.is_discard]
        return [(packet.pts * packet.time_base - begin, bytes(packet)) for packet in packets]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("audio_seconds", [Fraction(6, 5), Fraction(1, 2)])
def test_video_and_audio_stay_in_sync_in_every_part(tmp_path, name, audio_seconds):
    if name.endswith("mxf") and audio_seconds < 1:
        pytest.skip("FFmpeg's muxer ends the file where the audio ends")
    parts = make(tmp_path, name, audio_seconds=audio_seconds)
    out = copy(joined(tmp_path, name, parts), tmp_path / "o.mkv")
    times, output_audio = video_times(out), audio_packets(out)
    if name.endswith("mov"):  # the first AAC packet in MP4 only primes the decoder
        del output_audio[0]
    assert len(times) == 3 * FRAMES
    for number, part in enumerate(parts):
        own = audio_of(part)
        kept, output_audio = output_audio[: len(own)], output_audio[len(own) :]
        assert [data for _, data in kept] == [data for _, data in own]
        begin, rounding = times[number * FRAMES], KINDS[name].rounding
        assert all(abs(a - begin - b) <= rounding for (a, _), (b, _) in zip(kept, own, strict=True))
    assert not output_audio


@pytest.mark.parametrize("name", KINDS)
def test_seeking_in_a_joined_file_finds_the_frames(tmp_path, name):
    info = probe(joined(tmp_path, name, make(tmp_path, name)))
    begin = Fraction(2 * FRAMES + 7, RATE) - Fraction(1, 100)
    with decode(info, start=begin, stop=begin + Fraction(3, RATE)) as decoder:
        assert numbers(decoder) == SHOWN[2 * FRAMES + 7 :][:3]
    assert decoder.damaged == 0


@pytest.mark.parametrize(
    ("name", "codec", "audio"),
    [("a.mkv", "libx264", "flac"), ("a.mp4", "libx264", "flac"), ("a.ogv", "libvpx", "vorbis")],
)
def test_parts_may_differ_in_title_and_length(tmp_path, name, codec, audio):
    parts = [
        make_clip(
            tmp_path / f"{frames}-{name}",
            frames,
            rate=RATE,
            codec=codec,
            audio=audio,
            metadata={"title": title},
            format=KINDS[name].format,
        )
        for frames, title in ((20, "One"), (35, "The other"))
    ]
    info = probe(joined(tmp_path, name, parts))
    assert (info.frame_count, info.unread) == (55, ())
    out = copy(info.path, tmp_path / "o.mkv")
    with av.open(str(parts[1])) as source:
        audio_data = [bytes(packet) for packet in source.demux(audio=0) if packet.size]
    kept = [data for _, data in audio_packets(out)]
    assert (
        kept[-len(audio_data) + 1 :] == audio_data[1:]
    )  # the first one can be padding, which overlaps the part before


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ogv"])
def test_a_part_with_other_streams_is_not_read_and_counts_as_damage(tmp_path, name):
    kind = KINDS[name]
    first, second = make(tmp_path, name, count=2)
    larger = make_clip(tmp_path / f"larger-{name}", 5, width=96, codec=kind.video, format=kind.format)
    info = probe(joined(tmp_path, name, [first, second, larger]))
    with decode(info) as decoder:
        assert numbers(decoder) == SHOWN[: 2 * FRAMES]
    assert decoder.damaged == 1
    [note] = [note for note in info.notes if "not read" in note]
    assert note in decoder.notes
    assert f"byte {first.stat().st_size + second.stat().st_size}" in note
    with decode(info, stop=Fraction(1)) as decoder:
        list(decoder)
    assert decoder.damaged == 0


def test_seeking_finds_frames_in_parts_with_one_continuous_clock(tmp_path):
    """Fragments that each repeat the header of the file, as some downloaders store them."""
    muxing = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "avoid_negative_ts": "disabled"}
    clip = make_clip(tmp_path / "a.mp4", 30, options={"g": "5", "bf": "0"})
    parts = []
    for number in range(3):
        parts.append(tmp_path / f"{number}.mp4")
        with av.open(str(clip)) as source, av.open(str(parts[-1]), "w", options=muxing) as sink:
            stream = sink.add_stream_from_template(source.streams.video[0])
            for packet in [packet for packet in source.demux(video=0) if packet.size][10 * number :][:10]:
                packet.stream = stream
                sink.mux(packet)
    info = probe(joined(tmp_path, "a.mp4", parts))
    with decode(info) as decoder:
        frames = list(decoder)
    assert numbers(frames) == list(range(30))
    assert {right.pts - left.pts for left, right in pairwise(frames)} == {Fraction(1, 10)}
    with decode(info, start=Fraction(22, 10)) as decoder:
        assert numbers(decoder) == list(range(22, 30))


def test_matroska_clusters_whose_times_run_back_get_one_clock(tmp_path):
    """The second file has no header, as if a writer had restarted its clock."""
    parts = make(tmp_path, "live.mkv", count=2, audio_seconds=Fraction(6, 5), reordered=0)
    data = parts[1].read_bytes()
    whole = tmp_path / "whole.mkv"
    whole.write_bytes(parts[0].read_bytes() + data[data.index(b"\x1f\x43\xb6\x75") :])
    info = probe(whole)
    assert any(note.startswith("1 discontinuity") for note in info.notes)
    out = copy(whole, tmp_path / "o.mkv")
    times, output_audio = video_times(out), audio_packets(out)
    own = audio_of(parts[1])
    assert len(times) == 2 * FRAMES
    assert [data for _, data in output_audio] == [data for _, data in own] * 2
    assert all(
        abs(a - times[FRAMES] - b) <= Fraction(1, 400)
        for (a, _), (b, _) in zip(output_audio[len(own) :], own, strict=True)
    )
    with decode(info, start=times[FRAMES] - times[0] + Fraction(3, RATE), stop=info.duration) as decoder:
        assert numbers(decoder) == SHOWN[FRAMES + 3 : 2 * FRAMES]


def test_a_note_tells_that_chapters_of_later_parts_are_left_out(tmp_path):
    first = make_clip(tmp_path / "first.mkv", FRAMES, rate=RATE)
    second = make_clip(tmp_path / "second.mkv", 2 * RATE, rate=RATE, chapters=[(0, 1, "one"), (1, 2, "two")])
    joined = tmp_path / "joined.mkv"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    assert "chapters of the parts after the first are left out: 2" in probe(joined).notes
    assert not any("chapters" in note for note in probe(second).notes)
