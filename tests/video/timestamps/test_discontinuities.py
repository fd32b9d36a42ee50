"""The several clocks of a file become one clock for video and audio, and nothing is lost."""

from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace

import av
import pytest

from tests.media import audio_packets, make_clip, number_of, video_times
from tests.video.streams.test_stream_copy import copy
from vfi_cli.errors import UsageError
from vfi_cli.jobs.interp.plan import InterpJob, make_plan
from vfi_cli.video.demux.open_input import open_input
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe
from vfi_cli.video.timestamps.discontinuities import Scan

FRAMES = 20  # of a part, at 10 per second
ROUNDING = Fraction(1, 500)


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    return make_clip(
        tmp_path_factory.mktemp("parts") / "long.ts", 30, options={"bf": "0", "g": "5"}, audio="ac3", format="mpegts"
    )


def part(clip, target, *, video=2, audio=2, moved=0):
    """The first `video` and `audio` seconds of the streams of `clip`, on a clock that is `moved` by so many seconds."""
    with av.open(str(clip)) as source, av.open(str(target), "w", format="mpegts") as sink:
        copies = {stream.index: sink.add_stream_from_template(stream) for stream in source.streams}
        starts = {}
        for packet in source.demux():
            if not packet.size:
                continue
            time = packet.pts * packet.time_base
            begin = starts.setdefault(packet.stream_index, time)
            if time - begin < (video if packet.stream.type == "video" else audio):
                ticks = round(moved / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = copies[packet.stream_index]
                sink.mux(packet)
    return target


def joined(folder, parts):
    whole = folder / "joined.ts"
    whole.write_bytes(b"".join(clip.read_bytes() for clip in parts))
    return whole


def read(path, **trim):
    with decode(probe(path), **trim) as decoder:
        frames = list(decoder)
    return [number_of(frame.planes[0]) for frame in frames], [frame.pts for frame in frames], decoder


def leads(path, parts):
    """For each part: how many seconds each audio packet is earlier, relative to its video, than in the source."""
    times, packets = video_times(path), audio_packets(path)
    result = []
    for clip in parts:
        of_part, own = audio_packets(clip), video_times(clip)
        begin, times = times[0], times[len(own) :]
        kept, packets = packets[: len(of_part)], packets[len(of_part) :]
        assert [data for _, data in kept] == [data for _, data in of_part]
        result.append([(b - own[0]) - (a - begin) for (a, _), (b, _) in zip(kept, of_part, strict=True)])
    assert not times
    assert not packets
    return result


@pytest.mark.parametrize("moved", [(0, 0, 0), (0, 300, 9), (50_000, 1, 0), (5, 4, 3)])
@pytest.mark.parametrize("audio", [2, Fraction(5, 2), Fraction(8, 5)])
def test_video_and_audio_stay_in_sync_in_every_part(tmp_path, long_clip, audio, moved):
    parts = [part(long_clip, tmp_path / f"{n}.ts", audio=audio, moved=by) for n, by in enumerate(moved)]
    out = copy(joined(tmp_path, parts), tmp_path / "o.mkv")
    assert all(abs(lead) <= ROUNDING for of_part in leads(out, parts) for lead in of_part)


def test_frames_stay_evenly_spaced_if_the_audio_is_as_long_as_the_video(tmp_path, long_clip):
    parts = [part(long_clip, tmp_path / f"{n}.ts") for n in range(3)]
    numbers, times, _ = read(joined(tmp_path, parts))
    assert numbers == [*range(FRAMES)] * 3
    assert {after - before for before, after in pairwise(times)} == {Fraction(1, 10)}


def test_the_last_frame_of_a_part_is_held_for_whole_frames_until_its_audio_ends(tmp_path, long_clip):
    parts = [part(long_clip, tmp_path / f"{n}.ts", audio=Fraction(5, 2)) for n in range(2)]
    numbers, times, _ = read(joined(tmp_path, parts))
    gaps = [after - before for before, after in pairwise(times)]
    assert numbers == [*range(FRAMES)] * 2
    assert gaps.pop(FRAMES - 1) in (Fraction(6, 10), Fraction(7, 10))
    assert set(gaps) == {Fraction(1, 10)}


def test_very_short_parts_stay_in_sync(tmp_path, long_clip):
    """The audio has several equal discontinuities within a short time."""
    lengths = (2, Fraction(2, 5), Fraction(2, 5), 2)
    parts = [part(long_clip, tmp_path / f"{n}.ts", video=s, audio=s) for n, s in enumerate(lengths)]
    whole = joined(tmp_path, parts)
    out = copy(whole, tmp_path / "o.mkv")
    assert all(abs(lead) <= ROUNDING for of_part in leads(out, parts) for lead in of_part)
    assert probe(whole).offsets.count == 3


def test_a_clock_that_runs_back_by_little_is_a_discontinuity(tmp_path, long_clip):
    parts = [part(long_clip, tmp_path / f"{n}.ts", moved=moved) for n, moved in enumerate((0, Fraction(37, 20)))]
    numbers, times, decoder = read(joined(tmp_path, parts))
    assert numbers == [*range(FRAMES)] * 2
    assert {after - before for before, after in pairwise(times)} == {Fraction(1, 10)}
    assert decoder.damaged == 0


@pytest.mark.parametrize("overlap", [Fraction(1, 2), Fraction(3, 2)])
def test_parts_that_overlap_in_time_are_shown_one_after_the_other(tmp_path, long_clip, overlap):
    parts = [part(long_clip, tmp_path / f"{n}.ts", moved=n * (2 - overlap)) for n in range(3)]
    out = copy(joined(tmp_path, parts), tmp_path / "o.mkv")
    assert all(abs(lead) <= ROUNDING for of_part in leads(out, parts) for lead in of_part)
    assert len(video_times(out)) == 3 * FRAMES


def test_the_whole_duration_is_known_before_decoding(tmp_path, long_clip):
    parts = [part(long_clip, tmp_path / f"{n}.ts") for n in range(3)]
    info = probe(joined(tmp_path, parts))
    assert (info.duration, info.frame_count) == (6, 3 * FRAMES)
    assert (info.average_rate, info.vfr) == (10, False)
    assert any(note.startswith("2 discontinuities") for note in info.notes)


def test_seeking_uses_the_corrected_clock(tmp_path, long_clip):
    whole = joined(tmp_path, [part(long_clip, tmp_path / f"{n}.ts", moved=20 * n) for n in (2, 0, 1)])
    numbers, times, decoder = read(whole, start=Fraction(9, 2), stop=Fraction(51, 10))
    assert numbers == [5, 6, 7, 8, 9, 10]
    assert times[0] == probe(whole).start + Fraction(9, 2)
    assert decoder.damaged == 0


def test_the_audio_of_a_trimmed_clip_is_in_sync(tmp_path, long_clip):
    parts = [part(long_clip, tmp_path / f"{n}.ts") for n in range(3)]
    out = copy(joined(tmp_path, parts), tmp_path / "o.mkv", start=Fraction(4), stop=Fraction(6))
    own, packets = video_times(parts[2]), audio_packets(parts[2])
    wanted = {data: time - own[0] for time, data in packets}
    begin = video_times(out)[0]
    got = audio_packets(out)
    assert len(got) > 50
    assert all(abs(time - begin - wanted[data]) <= ROUNDING for time, data in got)


def test_a_start_after_the_end_of_all_parts_is_refused(tmp_path, long_clip):
    whole = joined(tmp_path, [part(long_clip, tmp_path / f"{n}.ts") for n in range(3)])
    assert make_plan(InterpJob(source=whole, start=Fraction(5))).duration == 1
    with pytest.raises(UsageError, match=r"6\.000 s"):
        make_plan(InterpJob(source=whole, start=Fraction(7)))


def test_a_gap_in_the_video_during_which_audio_continues_is_no_discontinuity(tmp_path):
    times = [Fraction(n, 10) + (12 if n > 9 else 0) for n in range(20)]
    clip = make_clip(tmp_path / "a.ts", 20, times=times, codec="mpeg2video", audio="mp2", format="mpegts")
    _, shown, _ = read(clip)
    assert shown[10] - shown[9] == Fraction(121, 10)


def test_a_gap_in_video_without_audio_is_removed_only_if_it_is_long(tmp_path):
    for gap, expected in ((Fraction(40), Fraction(40)), (Fraction(90), Fraction(1, 10))):
        times = [Fraction(0), Fraction(1, 10), Fraction(1, 10) + gap, Fraction(2, 10) + gap]
        clip = make_clip(tmp_path / f"{gap}.ts", 4, times=times, options={"bf": "0", "g": "1"}, format="mpegts")
        _, shown, _ = read(clip)
        assert shown[2] - shown[1] == expected


@pytest.mark.parametrize("wrong", [-20, 4000])
def test_one_wrong_time_is_no_discontinuity(long_clip, wrong):
    class Recording:
        def __init__(self, ticks):
            self.streams, self._ticks = SimpleNamespace(audio=()), ticks

        def demux(self, _):
            for ticks in self._ticks:
                packet = av.Packet(b"x")
                packet.pts = packet.dts = ticks
                packet.duration = 9000
                yield packet

    with open_input(long_clip) as container:
        steady = [9000 * n for n in range(10)]
        video = container.streams.video[0]
        broken = [*steady[:5], 9000 * wrong, *steady[6:]]
        restarted = steady + steady
        assert Scan(Recording(broken), video).offsets(Fraction(1, 10)).count == 0
        assert Scan(Recording(restarted), video).offsets(Fraction(1, 10)).count == 1
