"""A truncated file is detected, and a long last frame is not taken for one."""

from fractions import Fraction

import av
import pytest

from tests.media import make_clip, truncated
from vfi_cli.video.container.truncation import is_truncated
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe


def is_clip_truncated(path):
    return is_truncated(path, probe(path).container)


def with_long_last_frame(clip, target, seconds):
    """The clip with a last frame of `seconds`, as screen recorders write it if nothing changes any more."""
    with av.open(str(clip)) as source, av.open(str(target), "w") as sink:
        copy = sink.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        packets[-1].duration = round(seconds / packets[-1].time_base)
        for packet in packets:
            packet.stream = copy
            sink.mux(packet)
    return target


@pytest.mark.parametrize(("container", "faststart"), [("mp4", True), ("mp4", False), ("mkv", False), ("avi", False)])
def test_a_whole_file_is_not_truncated_and_a_cut_one_is(tmp_path, container, faststart):
    clip = make_clip(tmp_path / f"a.{container}", 20, options={"g": "1"}, faststart=faststart)
    name = probe(clip).container
    assert is_truncated(clip, name) is False
    for share in (0.3, 0.6, 0.95):
        assert is_truncated(truncated(clip, share, tmp_path / "b"), name) is True


def test_a_matroska_file_without_sizes_is_checked_by_its_elements(tmp_path):
    clip = tmp_path / "live.mkv"
    plain = make_clip(tmp_path / "a.mkv", 20, options={"g": "1"})
    with av.open(str(plain)) as source, av.open(str(clip), "w", options={"live": "1"}) as sink:
        copy = sink.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                sink.mux(packet)
    assert is_clip_truncated(clip) is False
    assert is_truncated(truncated(clip, 0.8, tmp_path / "b.mkv"), "matroska,webm") is True


def test_some_formats_do_not_show_whether_they_are_truncated(tmp_path):
    assert is_clip_truncated(make_clip(tmp_path / "a.ts", 5, format="mpegts")) is None


@pytest.mark.parametrize("name", ["b.mp4", "b.mkv", "b.mov"])
def test_a_long_last_frame_is_held_and_not_counted_as_damage(tmp_path, name):
    clip = make_clip(tmp_path / "a.mp4", 10, options={"bf": "0"})
    long = with_long_last_frame(clip, tmp_path / "b.mp4", Fraction(4))
    if not name.endswith("mp4"):
        remuxed = tmp_path / name
        with av.open(str(long)) as source, av.open(str(remuxed), "w") as sink:
            copy = sink.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = copy
                    sink.mux(packet)
        long = remuxed
    with decode(probe(long)) as decoder:
        frames = list(decoder)
    assert len(frames) == 10
    duration = frames[-1].pts + frames[-1].duration - frames[0].pts
    assert abs(duration - Fraction(49, 10)) <= Fraction(1, 500)
    assert decoder.damaged == 0


@pytest.mark.parametrize("tag", ["DURATION-eng", "DURATION"])
def test_a_wrong_duration_tag_from_before_a_cut_is_ignored(tmp_path, tag):
    clip = make_clip(tmp_path / "a.mkv", 10, audio="ac3")
    data = clip.read_bytes()
    stale = tmp_path / "b.mkv"
    if tag == "DURATION":  # the same number of digits keeps the structure valid
        old = b"00:00:01.000000000"
        assert old in data
        stale.write_bytes(data.replace(old, b"01:30:00.000000000"))
    else:
        with av.open(str(clip)) as source, av.open(str(stale), "w") as sink:
            copies = [sink.add_stream_from_template(stream) for stream in source.streams]
            copies[0].metadata[tag] = "01:30:00.000000000"
            for packet in source.demux():
                if packet.size:
                    packet.stream = copies[packet.stream_index]
                    sink.mux(packet)
    info = probe(stale)
    assert info.duration < Fraction(11, 10)
    with decode(info) as decoder:
        assert len(list(decoder)) == 10
    assert decoder.damaged == 0


def test_a_duration_tag_of_a_file_without_duration_is_ignored(tmp_path):
    """A part of a film that was written as a live stream keeps the tags of the whole film."""
    clip, stale = make_clip(tmp_path / "a.mkv", 10), tmp_path / "b.mkv"
    with av.open(str(clip)) as source, av.open(str(stale), "w", options={"live": "1"}) as sink:
        copy = sink.add_stream_from_template(source.streams.video[0])
        copy.metadata["DURATION-deu"] = "01:30:00.000000000"
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                sink.mux(packet)
    with decode(probe(stale)) as decoder:
        frames = list(decoder)
    assert (len(frames), frames[-1].duration, decoder.damaged) == (10, Fraction(1, 10), 0)


def test_the_last_frame_of_a_later_part_of_a_fragmented_file_is_not_held(tmp_path):
    """A recording that began in the middle of a stream: the header states the end of the stream, not the duration."""
    movflags = "frag_keyframe+empty_moov+default_base_moof+dash"
    clip = make_clip(tmp_path / "a.mp4", 30, options={"g": "10", "bf": "0"}, muxing={"movflags": movflags})
    data = clip.read_bytes()
    boxes, position = [], 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4])
        boxes.append((data[position + 4 : position + 8], data[position : position + size]))
        position += size
    second = [number for number, (kind, _) in enumerate(boxes) if kind == b"moof"][1]
    part = tmp_path / "b.mp4"
    part.write_bytes(
        b"".join(box for number, (kind, box) in enumerate(boxes) if number >= second or kind in (b"ftyp", b"moov"))
    )
    info = probe(part)
    assert info.start > 0 and info.start + info.duration == 3
    with decode(info) as decoder:
        frames = list(decoder)
    assert (frames[0].pts, len(frames), decoder.notes) == (info.start, info.duration * 10, [])
    assert frames[-1].pts + frames[-1].duration == 3
