"""Subtitle and data packets in a file with several clocks stay in sync with the video."""

from fractions import Fraction

import av
import pytest

from tests.media import make_clip, video_times
from tests.video.streams.test_stream_copy import copy
from tests.video.timestamps.test_discontinuities import ROUNDING, joined
from vfi_cli.video.demux.open_input import open_input
from vfi_cli.video.read.probe import probe
from vfi_cli.video.timestamps.offsets import Corrector

FRAMES = 20  # of a part, at 10 per second
TIMES = (Fraction(0), Fraction(3, 10), Fraction(95, 100), Fraction(18, 10))


def content(number, codec):
    """An empty subtitle or an ID3 tag; its bytes contain `number`."""
    if codec == "dvbsub":
        return bytes([0x0F, 0x10, 0, 1, 0, 2, 5, number])  # a page
    return b"ID3\4\0\0\0\0\0\0" + bytes([number])


def part(folder, number, codec, *, moved, audio, lead):
    """A part whose clock is `moved` by so many seconds. Its first line comes `lead` seconds before its video."""
    clip = make_clip(folder / f"{number}.mkv", FRAMES, options={"bf": "0", "g": "5"}, audio="ac3" if audio else None)
    path = folder / f"{number}.ts"
    with av.open(str(clip)) as source, av.open(str(path), "w", format="mpegts") as sink:
        copies = {stream.index: sink.add_stream_from_template(stream) for stream in source.streams}
        lines = sink.add_stream(codec) if codec == "dvbsub" else sink.add_data_stream(codec)
        packets = [packet for packet in source.demux() if packet.size]
        for packet in packets:
            packet.stream = copies[packet.stream_index]
        for index, time in enumerate(TIMES):
            packet = av.Packet(content(len(TIMES) * number + index, codec))
            packet.stream, packet.time_base = lines, Fraction(1, 1000)
            packet.pts = packet.dts = round(1000 * (time or -lead))
            packets.append(packet)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            ticks = round((1 + moved) / packet.time_base)
            packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
            sink.mux(packet)
    return path


def expected_time(frames, index, lead):
    """The time at which line `index` of three joined parts must come, given the times of the `frames`."""
    number, which = divmod(index, len(TIMES))
    return frames[FRAMES * number] + (TIMES[which] or -lead)


@pytest.mark.parametrize("moved", [(0, 0, 0), (0, 300, 9), (50_000, 1, 0)])
@pytest.mark.parametrize("audio", [True, False])
def test_every_subtitle_stays_in_sync_with_the_video(tmp_path, moved, audio):
    lead = Fraction(0)
    parts = [part(tmp_path, n, "dvbsub", moved=by, audio=audio, lead=lead) for n, by in enumerate(moved)]
    out = copy(joined(tmp_path, parts), tmp_path / "o.mkv")
    frames = video_times(out)
    with av.open(str(out)) as written:
        got = [(p.pts * p.time_base, bytes(p)) for p in written.demux(written.streams.subtitles[0]) if p.size]
    assert len(frames) == 3 * FRAMES
    assert [data[7] for _, data in got] == [*range(3 * len(TIMES))]
    assert all(abs(time - expected_time(frames, index, lead)) <= ROUNDING for index, (time, _) in enumerate(got))


@pytest.mark.parametrize("moved", [(0, 0, 0), (0, 300, 9), (50_000, 1, 0)])
@pytest.mark.parametrize("audio", [True, False])
@pytest.mark.parametrize("lead", [Fraction(0), Fraction(1, 5)])
def test_data_stays_in_sync_even_if_it_comes_before_the_video_of_its_part(tmp_path, moved, audio, lead):
    parts = [part(tmp_path, n, "timed_id3", moved=by, audio=audio, lead=lead) for n, by in enumerate(moved)]
    whole = joined(tmp_path, parts)
    frames, got = [], []
    with open_input(whole) as container:
        for packet in Corrector(probe(whole).offsets).correct(container.demux()):
            if packet.size:
                kind, time = packet.stream.type, packet.pts * packet.time_base
                frames += [time] if kind == "video" else []
                got += [(time, bytes(packet))] if kind == "data" else []
    assert [data[10] for _, data in got] == [*range(3 * len(TIMES))]
    assert all(abs(time - expected_time(frames, index, lead)) <= ROUNDING for index, (time, _) in enumerate(got))
