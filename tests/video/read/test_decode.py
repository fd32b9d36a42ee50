"""Tests that every frame is decoded once, at its exact time, in its exact colours."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from tests.media import corrupted, make_clip, number_of, truncated
from vfi_cli.errors import InputError, UsageError
from vfi_cli.video.read.decode import Decoder, decode
from vfi_cli.video.read.probe import probe


def read(path, **trim):
    with decode(probe(path), **trim) as decoder:
        frames = list(decoder)
    return frames, decoder


def numbers(frames):
    return [number_of(frame.planes[0]) for frame in frames]


def remuxed(path, target, stamp):
    """Write the clip with `stamp(n)` as pts and dts of packet n."""
    with av.open(str(path)) as source, av.open(str(target), "w") as sink:
        copy = sink.add_stream_from_template(source.streams.video[0], opaque=True)
        for number, packet in enumerate(source.demux(video=0)):
            if packet.size:
                packet.pts = packet.dts = stamp(number)
                packet.stream = copy
                sink.mux(packet)
    return target


NO_REORDER = {"bf": "0"}


@pytest.mark.parametrize(
    ("options", "container"),
    [
        ({}, "mp4"),
        ({"bf": "3", "g": "5", "x264-params": "open-gop=1"}, "mp4"),
        ({"bf": "3"}, "mkv"),
        ({}, "ts"),
        ({"bf": "3", "g": "20"}, "avi"),
        ({"bf": "0"}, "avi"),
    ],
)
def test_every_frame_is_read_once_and_in_order(tmp_path, options, container):
    frames, decoder = read(make_clip(tmp_path / f"a.{container}", 50, options=options))
    assert numbers(frames) == list(range(50))
    assert {right.pts - left.pts for left, right in pairwise(frames)} == {Fraction(1, 10)}
    assert (decoder.damaged, decoder.notes) == (0, [])


def test_times_are_exact_fractions(tmp_path):
    rate = Fraction(24000, 1001)
    frames, _ = read(make_clip(tmp_path / "a.mp4", 30, rate=rate))
    assert [frame.pts for frame in frames] == [n / rate for n in range(30)]
    assert {frame.duration for frame in frames} == {1 / rate}


def test_a_variable_frame_rate_keeps_its_times_and_durations(tmp_path):
    times = [Fraction(n, 10) for n in (0, 1, 2, 5, 8, 9)]
    frames, _ = read(make_clip(tmp_path / "a.mkv", times=times, time_base=Fraction(1, 1000)))
    assert [frame.pts for frame in frames] == times
    assert [frame.duration * 10 for frame in frames] == [1, 1, 3, 3, 1, 1]


def test_a_first_frame_after_zero_keeps_its_time(tmp_path):
    times = [Fraction(1, 2) + Fraction(n, 10) for n in range(5)]
    frames, _ = read(make_clip(tmp_path / "a.mp4", times=times, time_base=Fraction(1, 90000)))
    assert [frame.pts for frame in frames] == times


def test_a_clip_can_have_a_single_frame(tmp_path):
    frames, decoder = read(make_clip(tmp_path / "a.mp4", 1))
    assert [(frame.pts, frame.duration) for frame in frames] == [(0, Fraction(1, 10))]
    assert decoder.damaged == 0


def test_missing_times_follow_from_the_frame_rate_with_a_note(tmp_path):
    frames, decoder = read(make_clip(tmp_path / "a.h264", 12, format="h264"))
    assert numbers(frames) == list(range(12))
    assert [frame.pts for frame in frames] == [Fraction(n, 10) for n in range(12)]
    assert decoder.notes == ["12 frames have no timestamp; their times follow from the frame rate"]


def test_an_empty_packet_repeats_the_frame_before_it(tmp_path):
    """Theora repeats a frame with an empty packet."""
    clip = make_clip(tmp_path / "a.mkv", 10, codec="mjpeg", pix_fmt="yuvj420p")
    repeated = tmp_path / "b.nut"  # the only container in which FFmpeg writes and reads empty packets
    with av.open(str(clip)) as source, av.open(str(repeated), "w") as sink:
        copy = sink.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.size:
                kept = packet if number not in (3, 4, 9) else av.Packet(b"")
                kept.pts, kept.dts, kept.duration = packet.pts, packet.dts, packet.duration
                kept.time_base, kept.stream = packet.time_base, copy
                sink.mux(kept)
    info = probe(repeated)
    frames, decoder = read(repeated)
    assert numbers(frames) == [0, 1, 2, 2, 2, 5, 6, 7, 8, 8]
    assert [frame.pts for frame in frames] == [Fraction(n, 10) for n in range(10)]
    assert decoder.damaged == 0
    assert (info.frame_count, info.average_rate, info.vfr) == (10, 10, False)
    part, _ = read(repeated, start=Fraction(4, 10), stop=Fraction(6, 10))
    assert numbers(part) == [2, 5]


def test_frames_with_equal_times_are_spaced_evenly(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 8, options=NO_REORDER)
    frames, decoder = read(remuxed(clip, tmp_path / "b.mkv", lambda n: 0))
    assert numbers(frames) == list(range(8))
    assert [frame.pts for frame in frames] == [Fraction(n, 10) for n in range(8)]
    assert any("backwards" in note for note in decoder.notes)


def test_a_frame_with_a_repeated_time_is_left_out_and_no_other_frame_moves(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 8, options=NO_REORDER)
    frames, decoder = read(remuxed(clip, tmp_path / "b.mkv", lambda n: 300 if n == 4 else 100 * n))
    assert numbers(frames) == [0, 1, 2, 3, 5, 6, 7]
    assert [frame.pts * 10 for frame in frames] == [0, 1, 2, 3, 5, 6, 7]
    assert any(note.startswith("1 frames") for note in decoder.notes)
    assert decoder.damaged == 1


def test_a_few_frames_with_equal_times_are_left_out_and_no_other_frame_moves(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 12, options=NO_REORDER)
    frames, decoder = read(remuxed(clip, tmp_path / "b.mkv", lambda n: 300 if n in (4, 5) else 100 * n))
    assert [frame.pts * 10 for frame in frames] == numbers(frames) == [0, 1, 2, 3, *range(6, 12)]
    assert decoder.damaged == 2


def test_times_continue_after_timestamps_jump_back(tmp_path):
    first = make_clip(tmp_path / "a.ts", 10, options=NO_REORDER, format="mpegts")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() * 2)
    frames, _ = read(joined)
    assert numbers(frames) == [*range(10), *range(10)]
    gaps = {right.pts - left.pts for left, right in pairwise(frames)}
    assert gaps == {Fraction(1, 10)}


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_the_frames_of_a_truncated_file_are_read_and_missing_ones_are_counted(tmp_path, container):
    whole = make_clip(
        tmp_path / f"a.{container}", 60, width=128, height=96, planes=[noise(96, 128)],
        options={"g": "1"}, faststart=container == "mp4",
    )  # fmt: skip
    frames, decoder = read(truncated(whole, 0.6, tmp_path / f"cut.{container}"))
    assert 10 < len(frames) < 60
    assert [frame.pts for frame in frames[:10]] == [Fraction(n, 10) for n in range(10)]
    assert decoder.damaged >= 60 - len(frames) - 2
    assert any("ends" in note for note in decoder.notes)


def test_damaged_packets_are_counted_and_later_frames_keep_their_times(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 40, width=128, height=96, options={"g": "10"})
    frames, decoder = read(corrupted(clip, tmp_path / "b.mkv"))
    assert decoder.damaged > 0
    times = [frame.pts for frame in frames]
    assert times == sorted(set(times))
    assert times[-1] + frames[-1].duration == 4


def test_a_change_of_size_is_an_error_that_names_the_frame(tmp_path):
    small = make_clip(tmp_path / "a.h264", 10, format="h264")
    large = make_clip(tmp_path / "b.h264", 10, width=96, height=64, format="h264")
    both = tmp_path / "both.h264"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    with pytest.raises(InputError, match="changes size at frame 10: 64x48 to 96x64"):
        read(both)


def test_a_change_of_pixel_format_is_an_error_that_names_the_frame(tmp_path):
    first = make_clip(tmp_path / "a.h264", 10, format="h264")
    second = make_clip(tmp_path / "b.h264", 10, pix_fmt="yuv444p", format="h264")
    both = tmp_path / "both.h264"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    with pytest.raises(InputError, match="pixel format at frame 10: yuv420p to yuv444p"):
        read(both)


def test_a_file_without_a_decodable_frame_is_an_error(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 5)
    with pytest.raises(InputError, match="no frame"):
        read(corrupted(clip, tmp_path / "b.mkv", every=1))


@pytest.mark.parametrize(
    ("container", "codec"),
    [("mp4", "libx264"), ("mkv", "libx264"), ("avi", "libx264"), ("ts", "libx264"), ("mpg", "mpeg2video")],
)
def test_start_and_stop_are_exact_to_the_frame_for_any_key_frames(tmp_path, container, codec):
    clip = make_clip(tmp_path / f"a.{container}", 150, rate=25, codec=codec, options={"g": "60"})
    begin = probe(clip).start
    frames, decoder = read(clip, start=Fraction(57, 25), stop=Fraction(115, 25))
    assert numbers(frames) == list(range(57, 115))
    end = frames[-1].pts + frames[-1].duration
    assert (frames[0].pts - begin, end - begin) == (Fraction(57, 25), Fraction(115, 25))
    assert decoder.damaged == 0


def test_start_and_stop_count_from_the_first_frame_and_stop_cuts_the_last_duration(tmp_path):
    times = [Fraction(1, 2) + Fraction(n, 10) for n in range(10)]
    clip = make_clip(tmp_path / "a.mp4", times=times, time_base=Fraction(1, 90000))
    frames, _ = read(clip, start=Fraction(1, 5), stop=Fraction(55, 100))
    assert [frame.pts for frame in frames] == times[2:6]
    assert frames[-1].duration == Fraction(1, 20)


@pytest.mark.parametrize(
    ("start", "stop", "part"),
    [
        (Fraction(12, 100), Fraction(18, 100), "0.120 s and 0.180 s"),
        (Fraction(95, 100), None, "0.950 s and the end"),
        (Fraction(99), None, "99.000 s and the end"),
    ],
)
@pytest.mark.parametrize("container", ["mp4", "ts"])
def test_a_part_without_a_frame_is_a_usage_error(tmp_path, container, start, stop, part):
    with pytest.raises(UsageError, match=f"no frame lies between {part}"):
        read(make_clip(tmp_path / f"a.{container}"), start=start, stop=stop)


def test_start_and_stop_of_a_raw_stream_count_frames(tmp_path):
    frames, _ = read(make_clip(tmp_path / "a.h264", 30, format="h264"), start=Fraction(1), stop=Fraction(2))
    assert numbers(frames) == list(range(10, 20))


def noise(*shape):
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(("pix_fmt", "chroma"), [("yuv420p", (9, 17)), ("yuv422p", (17, 17)), ("yuv444p", (17, 33))])
def test_planes_of_odd_sizes_are_read_unchanged(tmp_path, pix_fmt, chroma):
    planes = [noise(17, 33), noise(*chroma), noise(chroma[0], chroma[1])]
    path = make_clip(tmp_path / "a.mkv", 2, width=33, height=17, codec="ffv1", pix_fmt=pix_fmt, planes=planes)
    frames, _ = read(path)
    for got, expected in zip(frames[0].planes, planes, strict=True):
        assert np.array_equal(got, expected)


def test_full_range_of_a_yuvj_clip_stays_full(tmp_path):
    ramp = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    path = make_clip(
        tmp_path / "a.mkv", 1, width=256, height=16, planes=[ramp], pix_fmt="yuvj420p", full_range=True,
        options={"qp": "0"},
    )  # fmt: skip
    frames, _ = read(path)
    assert frames[0].color.full_range
    assert np.array_equal(frames[0].planes[0], ramp)


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "p010le"])
def test_ten_bits_are_read_unchanged(tmp_path, full_range, pix_fmt):
    ramp = np.tile(np.arange(1024, dtype=np.uint16), (16, 1))
    chroma = np.tile(np.arange(0, 1024, 2, dtype=np.uint16), (8, 1))
    planes = [ramp, chroma, chroma[:, ::-1]]
    path = make_clip(
        tmp_path / "a.mkv", 1, width=1024, height=16, planes=planes, codec="ffv1", pix_fmt="yuv420p10le", matrix=1,
        full_range=full_range,
    )  # fmt: skip
    info = probe(path)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0)).reformat(format=pix_fmt)
    frames, _ = read(path)
    for got in (frames[0], Decoder(info, SingleFrameReader(frame)).__iter__().__next__()):
        assert got.format.pix_fmt == "yuv420p10le"
        assert all(np.array_equal(a, b) for a, b in zip(got.planes, planes, strict=True))


class SingleFrameReader:
    """A `reader.Reader` with one frame."""

    damaged = unstamped = 0
    count = 1
    notes: list[str] = []  # noqa: RUF012

    def __init__(self, frame):
        self.frame = frame

    def frames(self):
        yield self.frame, 0

    def close(self):
        pass


def test_rgb_is_read_unchanged(tmp_path):
    colors = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    path = make_clip(tmp_path / "a.mkv", 1, planes=[colors], codec="ffv1", pix_fmt="bgr0")
    frames, _ = read(path)
    green, blue, red = frames[0].planes
    assert np.array_equal(np.stack((red, green, blue), 2), colors)


@pytest.mark.parametrize("full_range", [False, True])
def test_grey_is_read_as_one_plane_of_luma(tmp_path, full_range):
    ramp = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    path = make_clip(
        tmp_path / "a.mkv", 1, width=256, height=16, planes=[ramp], codec="ffv1", pix_fmt="gray", full_range=full_range
    )
    frames, _ = read(path)
    (luma,) = frames[0].planes
    assert np.array_equal(luma, ramp) and frames[0].color.full_range == full_range


def test_a_decoder_closes_before_its_last_frame(tmp_path):
    info = probe(make_clip(tmp_path / "a.mp4", 60))
    with decode(info) as decoder:
        frame = next(iter(decoder))
    assert number_of(frame.planes[0]) == 0  # the pixels outlive the decoder
    info.path.unlink()


def test_interlaced_frames_are_refused_if_the_header_does_not_announce_them(tmp_path):
    path = make_clip(tmp_path / "i.mkv", codec="mpeg2video", rate=25, interlaced=True)
    info = probe(path)
    object.__setattr__(info, "interlaced", False)
    with pytest.raises(InputError, match="interlaced at frame 0"), decode(info) as decoder:
        list(decoder)


def test_an_interlaced_clip_is_refused_before_the_first_frame_is_read(tmp_path):
    info = probe(make_clip(tmp_path / "i.mkv", codec="mpeg2video", rate=25, interlaced=True))
    with pytest.raises(InputError, match="--deinterlace"):
        decode(info)


def test_hidden_rows_and_columns_are_cropped_on_every_side(tmp_path):
    clip = make_clip(tmp_path / "a.h264", 3, format="h264")
    with av.open(str(clip)) as source:
        crop = BitStreamFilterContext("h264_metadata=crop_left=2:crop_top=4", source.streams.video[0])
        data = [bytes(packet) for given in source.demux(video=0) if given.size for packet in crop.filter(given)]
    cut = tmp_path / "b.h264"
    cut.write_bytes(b"".join(data))
    assert (probe(cut).width, probe(cut).height) == (62, 44)
    whole, part = read(clip)[0], read(cut)[0]
    assert len(part) == 3
    for frame, full in zip(part, whole, strict=True):
        assert np.array_equal(frame.planes[0], full.planes[0][4:, 2:])
        assert np.array_equal(frame.planes[1], full.planes[1][2:, 1:])
