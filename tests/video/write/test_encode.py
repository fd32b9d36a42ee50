"""Encoded files hold the frames that were written, with their times and colours; else there is an error."""

import resource
import signal
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from tests.media import make_clip, number_of, numbered_luma, video_times
from vfi_cli.errors import OutputError, UsageError
from vfi_cli.video.clip import Chapter
from vfi_cli.video.formats import MKV, MOV, MP4
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe
from vfi_cli.video.types import ColorSpec, PlaneFormat, VideoFrame
from vfi_cli.video.write.concat import check_muxer, concat_segments
from vfi_cli.video.write.encode import Encoder
from vfi_cli.video.write.encode_plan import plan_encode
from vfi_cli.video.write.mux import codec_tag
from vfi_cli.video.write.segments import SegmentWriter


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return probe(make_clip(tmp_path_factory.mktemp("encode") / "clip.mp4"))


def numbered(number, plan, pts, duration):
    shapes = plan.format.shapes(plan.width, plan.height)
    planes = numbered_luma(number, plan.width, plan.height), *(np.full(s, 128, np.uint8) for s in shapes[1:])
    deep = tuple(plane.astype(plan.format.dtype) << plan.format.depth - 8 for plane in planes)
    return VideoFrame(deep, plan.format, plan.color, Fraction(pts), Fraction(duration))


@pytest.fixture(params=["at once", "in segments"])
def write_mode(request, monkeypatch):
    """The test runs for a file that is written at once, and for one that is joined from segments."""
    if request.param == "in segments":
        monkeypatch.setitem(globals(), "encode", encode_in_segments)


def encode(path, plan, frames):
    with Encoder(path, plan) as encoder:
        for frame in frames:
            encoder.write(frame)
    encoder.verify()
    return path


def encode_in_segments(path, plan, frames):
    extradata = check_muxer(path, plan, None).extradata
    writer = SegmentWriter(path.parent, plan, extradata, length=7, kept={}, closed=lambda segment: None)
    with writer:
        for frame in frames:
            writer.write(frame)
    concat_segments(path, plan, None, path.parent, writer.segments)
    return path


def encode_numbers(path, plan, count=10):
    step = 1 / plan.rate
    return encode(path, plan, (numbered(n, plan, plan.origin + n * step, step) for n in range(count)))


def read(path):
    with decode(probe(path)) as decoder:
        return list(decoder)


@pytest.mark.parametrize("fps", [Fraction(1, 1000), Fraction("29.1234567"), Fraction(2**31 - 1, 2**22 - 1)])
@pytest.mark.parametrize("name", ["o.mp4", "o.mkv"])
@pytest.mark.parametrize("start", [None, Fraction(1, 10)])
def test_every_valid_rate_can_be_written(write_mode, clip, tmp_path, fps, name, start):
    plan = plan_encode(clip, tmp_path / name, fps=fps, start=start)
    assert len(video_times(encode_numbers(tmp_path / name, plan, 3))) == 3


@pytest.mark.parametrize("name", ["o.mp4", "o.m4v", "o.mov", "o.mkv", "o.webm"])
def test_each_container_keeps_every_frame_in_order(write_mode, clip, tmp_path, name):
    path = encode_numbers(tmp_path / name, plan_encode(clip, tmp_path / name, fps=Fraction(30)), 40)
    assert [number_of(frame.luma) for frame in read(path)] == list(range(40))


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_x265_writes_clips_shorter_than_its_delay(write_mode, clip, tmp_path, frames):
    plan = plan_encode(replace(clip, height=64), tmp_path / "o.mp4", fps=Fraction(10), codec="libx265")
    for _ in range(10):
        path = encode_numbers(tmp_path / "o.mp4", plan, frames)
        assert video_times(path) == [Fraction(k, 10) for k in range(frames)]


@pytest.mark.parametrize(
    ("codec", "name"),
    [("libx264", "o.mp4"), ("libx265", "o.mp4"), ("libsvtav1", "o.mp4"), ("libvpx-vp9", "o.webm"),
     ("ffv1", "o.mkv"), ("prores_ks", "o.mov")],
)  # fmt: skip
def test_each_encoder_works_with_its_defaults(write_mode, clip, tmp_path, codec, name):
    info = replace(clip, height=64)
    path = encode_numbers(tmp_path / name, plan_encode(info, tmp_path / name, fps=Fraction(30), codec=codec), 10)
    assert [number_of(frame.luma) for frame in read(path)] == list(range(10))


@pytest.mark.parametrize("fps", [Fraction(60), Fraction(60000, 1001), Fraction(48000, 1001), Fraction(25, 2)])
def test_a_constant_rate_is_exact(write_mode, clip, tmp_path, fps):
    path = encode_numbers(tmp_path / "o.mp4", plan_encode(clip, tmp_path / "o.mp4", fps=fps), 20)
    assert video_times(path) == [n / fps for n in range(20)]
    info = probe(path)
    assert (info.average_rate, info.vfr, info.duration) == (fps, False, 20 / fps)


def test_a_variable_rate_keeps_its_times_and_the_duration_of_its_last_frame(write_mode, clip, tmp_path):
    times = [Fraction(n, 10) for n in (0, 1, 2, 5, 8, 9)]
    plan = plan_encode(clip, tmp_path / "o.mp4", multiple=2)
    ends = [*times[1:], Fraction(12, 10)]
    path = encode(
        tmp_path / "o.mp4",
        plan,
        (numbered(n, plan, a, b - a) for n, (a, b) in enumerate(zip(times, ends, strict=True))),
    )
    assert video_times(path) == times
    assert probe(path).duration == Fraction(12, 10)


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv"])
def test_a_slide_show_passes_verification(write_mode, clip, tmp_path, name):
    times = [Fraction(n) for n in (0, 30, 31, 61, 62, 63, 93, 123)]
    plan = plan_encode(clip, tmp_path / name, multiple=2)
    gaps = [b - a for a, b in pairwise([*times, Fraction(153)])]
    frames = [numbered(n, plan, *moment) for n, moment in enumerate(zip(times, gaps, strict=True))]
    path = encode(tmp_path / name, plan, frames)
    assert video_times(path) == times
    if name == "o.mp4":
        assert probe(path).duration == 153


def test_slots_one_tick_apart_never_get_the_same_tick(clip, tmp_path):
    for start in (Fraction(1, 120), Fraction(1, 240), Fraction(7, 180), Fraction(0)):
        late = replace(clip, start=start, origin=Fraction(0), average_rate=Fraction(24))
        plan = replace(plan_encode(clip, tmp_path / "o.mp4", fps=Fraction(60)), time_base=Fraction(1, 60))
        ticks = [plan.tick(late.start + Fraction(k, 60)) for k in range(20)]
        assert [b - a for a, b in pairwise(ticks)] == [1] * 19


def test_every_time_between_two_frames_is_a_whole_tick(clip):
    for base, rate in ((Fraction(1, 1000), Fraction(24)), (Fraction(1, 90000), Fraction(30000, 1001))):
        info = replace(clip, time_base=base, average_rate=rate)
        plan = plan_encode(info, clip.path, multiple=5)
        for time in (base, base / 5, 1 / rate, 1 / rate / 5):
            assert (time / plan.time_base).denominator == 1


def test_a_late_start_of_the_video_is_kept(write_mode, clip, tmp_path):
    info = replace(clip, start=Fraction(23, 1000), origin=Fraction(0))
    plan = plan_encode(info, tmp_path / "o.mp4", fps=Fraction(30))
    frames = [numbered(n, plan, info.start + Fraction(n, 30), Fraction(1, 30)) for n in range(5)]
    times = video_times(encode(tmp_path / "o.mp4", plan, frames))
    assert all(abs(got - frame.pts) < Fraction(1, 90000) for got, frame in zip(times, frames, strict=True))
    assert {b - a for a, b in pairwise(times)} == {Fraction(1, 30)}


def test_a_video_that_starts_late_passes_verification_in_matroska(write_mode, clip, tmp_path):
    info = replace(clip, start=Fraction(1, 2), origin=Fraction(0))
    plan = plan_encode(info, tmp_path / "o.mkv", fps=Fraction(10))
    frames = [numbered(n, plan, info.start + Fraction(n, 10), Fraction(1, 10)) for n in range(2)]
    assert video_times(encode(tmp_path / "o.mkv", plan, frames))[0] == Fraction(1, 2)


def test_a_trimmed_clip_starts_at_zero(write_mode, clip, tmp_path):
    plan = plan_encode(clip, tmp_path / "o.mp4", fps=Fraction(10), start=Fraction(3, 10))
    frames = [numbered(n, plan, Fraction(3 + n, 10), Fraction(1, 10)) for n in range(5)]
    assert video_times(encode(tmp_path / "o.mp4", plan, frames)) == [Fraction(n, 10) for n in range(5)]


SPACES = [(matrix, span) for matrix in ("bt601", "bt709", "bt2020") for span in (False, True)]


@pytest.mark.parametrize(("matrix", "full_range"), SPACES)
@pytest.mark.parametrize("codec", ["libx264", "ffv1"])
def test_codes_and_tags_survive_a_lossless_round_trip(write_mode, clip, tmp_path, matrix, full_range, codec):
    color = ColorSpec(matrix, full_range, primaries=9, transfer=14)
    plan = replace(plan_encode(clip, tmp_path / "o.mkv", fps=Fraction(10), codec=codec), color=color)
    if codec == "libx264":
        plan = replace(plan, options={**plan.options, "crf": "0"})
    rng = np.random.default_rng(0)
    planes = tuple(rng.integers(0, 256, s, dtype=np.uint8) for s in plan.format.shapes(plan.width, plan.height))
    path = encode(tmp_path / "o.mkv", plan, [VideoFrame(planes, plan.format, color, Fraction(0), Fraction(1, 10))])
    (frame,) = read(path)
    assert frame.color == color
    for got, expected in zip(frame.planes, planes, strict=True):
        assert np.array_equal(got, expected)


BARS = ((180, 180, 180), (180, 180, 16), (16, 180, 180), (16, 180, 16), (180, 16, 180), (180, 16, 16), (16, 16, 180))


@pytest.mark.parametrize(("matrix", "full_range"), SPACES)
def test_a_player_shows_the_same_colour_bars(write_mode, clip, tmp_path, matrix, full_range):
    """swscale reads the tags of the file and decodes the RGB that our conversion encoded."""
    torch = pytest.importorskip("torch")
    from vfi_cli.ops.color import rgb_to_yuv

    bars = np.repeat(np.array(BARS, np.float32), 16, axis=0) / 255  # 112 pixels wide
    rgb = torch.from_numpy(np.tile(bars, (48, 1, 1))).permute(2, 0, 1)
    codes = rgb_to_yuv(rgb, matrix, full_range, (1, 1))
    info = replace(clip, width=112, color=ColorSpec(matrix, full_range))
    plan = plan_encode(info, tmp_path / "o.mkv", fps=Fraction(10), codec="ffv1", pix_fmt="yuv444p")
    frame = VideoFrame(tuple(plane.numpy() for plane in codes), plan.format, plan.color, Fraction(0), Fraction(1, 10))
    path = encode(tmp_path / "o.mkv", plan, [frame])
    with av.open(str(path)) as container:
        shown = next(container.decode(video=0))
        seen = shown.to_ndarray(format="rgb24", interpolation="ACCURATE_RND")
    step = 2 if full_range else 3  # RGB error of one code of luma or chroma
    assert np.abs(seen.astype(int) - np.rint(bars * 255).astype(int)).max() <= step


def test_an_untagged_clip_stays_untagged(write_mode, clip, tmp_path):
    assert clip.color.guessed
    path = encode_numbers(tmp_path / "o.mp4", plan_encode(clip, tmp_path / "o.mp4", fps=Fraction(10)))
    assert probe(path).color == clip.color


def test_aspect_rotation_tags_and_chapters_are_kept(write_mode, clip, tmp_path):
    info = replace(
        clip,
        sar=Fraction(4, 3),
        rotation=90,
        metadata={"title": "T", "encoder": "old", "major_brand": "isom"},
        chapters=(
            Chapter(Fraction(0), Fraction(1, 2), {"title": "one"}),
            Chapter(Fraction(1, 2), Fraction(1), {"title": "two"}),
        ),
    )
    for name in ("o.mp4", "o.mkv"):
        plan = plan_encode(info, tmp_path / name, fps=Fraction(10))
        assert "encoder" not in plan.tags.metadata and "major_brand" not in plan.tags.metadata
        got = probe(encode_numbers(tmp_path / name, plan))
        assert (got.sar, got.rotation, got.metadata["title"]) == (Fraction(4, 3), 90, "T")
        assert [(c.start, c.end, c.metadata["title"]) for c in got.chapters] == [
            (0, Fraction(1, 2), "one"),
            (Fraction(1, 2), 1, "two"),
        ]


def test_chapters_are_trimmed_and_stretched_with_the_video(clip):
    info = replace(clip, chapters=(Chapter(Fraction(0), Fraction(1, 2), {}), Chapter(Fraction(1, 2), Fraction(1), {})))
    trimmed = plan_encode(info, clip.path, fps=Fraction(10), start=Fraction(1, 4), stop=Fraction(3, 4)).tags.chapters
    assert [(c.start, c.end) for c in trimmed] == [(0, Fraction(1, 4)), (Fraction(1, 4), Fraction(1, 2))]
    slow = plan_encode(info, clip.path, fps=Fraction(10), stretch=4).tags.chapters
    assert [(c.start, c.end) for c in slow] == [(0, 2), (2, 4)]


def test_mp4_has_its_header_first_and_hevc_has_the_tag_for_quicktime(write_mode, clip, tmp_path):
    info = replace(clip, height=64)
    path = encode_numbers(tmp_path / "o.mp4", plan_encode(info, tmp_path / "o.mp4", fps=Fraction(10), codec="libx265"))
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert b"hvc1" in data and b"hev1" not in data


def test_frame_sizes_that_crash_an_encoder_are_refused(clip):
    with pytest.raises(UsageError, match="libx265 does not take frames of 48x48"):
        plan_encode(replace(clip, width=48), clip.path, fps=Fraction(10), codec="libx265")


def test_odd_sizes_become_444_with_a_note_if_420_does_not_fit(write_mode, clip, tmp_path):
    info = replace(clip, width=33, height=17)
    plan = plan_encode(info, tmp_path / "o.mp4", fps=Fraction(10))
    assert plan.format == PlaneFormat.named("yuv444p") and "33x17" in plan.notes[0]
    path = encode_numbers(tmp_path / "o.mp4", plan)
    assert (probe(path).width, probe(path).height) == (33, 17)
    assert plan_encode(info, tmp_path / "o.webm", fps=Fraction(10)).format.pix_fmt == "yuv420p"
    assert plan_encode(clip, tmp_path / "o.mp4", fps=Fraction(10)).notes == ()


@pytest.mark.parametrize(
    ("name", "choice", "message"),
    [
        ("o.xyz", {}, ".mkv"),
        ("o", {}, "without extension"),
        ("o.jpg", {}, ".jpg"),
        ("o.m3u8", {}, ".m3u8"),
        ("o.mp4", {"codec": "nope"}, "no encoder 'nope'"),
        ("o.mp4", {"codec": "aac"}, "not a video encoder"),
        ("o.mp4", {"crf": 99}, "0 .best. to 51"),
        ("o.mp4", {"crf": -1}, "0 .best. to 51"),
        ("o.mp4", {"preset": "zzz"}, "ultrafast"),
        ("o.mkv", {"codec": "ffv1", "crf": 18}, "no crf"),
        ("o.mp4", {"pix_fmt": "nv99"}, "nv99"),
        ("o.mp4", {"codec": "libsvtav1", "pix_fmt": "yuv444p"}, "yuv444p"),
        ("o.mp4", {"options": {"foo": "1"}}, "no option foo"),
    ],
)
def test_wrong_options_are_refused_before_the_first_frame(clip, tmp_path, name, choice, message):
    with pytest.raises(UsageError, match=message):
        Encoder(tmp_path / name, plan_encode(clip, tmp_path / name, fps=Fraction(10), **choice))


@pytest.mark.parametrize(
    ("name", "choice", "message"),
    [
        ("o.mp4", {"options": {"crf": "abc"}}, "libx264 refuses"),
        ("o.webm", {"codec": "libx264"}, "cannot hold libx264"),
        ("o.mp4", {"codec": "prores_ks"}, "mp4"),
    ],
)
def test_what_encoder_or_container_refuse_is_an_error_before_the_first_frame(clip, tmp_path, name, choice, message):
    with pytest.raises(OutputError, match=message) as caught:
        Encoder(tmp_path / name, plan_encode(clip, tmp_path / name, fps=Fraction(10), **choice))
    assert caught.value.path == tmp_path / name


def test_frames_of_another_format_or_out_of_order_raise_value_error(clip, tmp_path):
    plan = plan_encode(clip, tmp_path / "o.mp4", fps=Fraction(10))
    other = replace(plan, format=PlaneFormat.named("yuv444p"))
    with pytest.raises(ValueError, match="expected 64x48"), Encoder(tmp_path / "o.mp4", plan) as encoder:
        encoder.write(numbered(0, other, 0, 1))
    with pytest.raises(ValueError, match="increase"), Encoder(tmp_path / "o.mp4", plan) as encoder:
        encoder.write(numbered(0, plan, 0, 1))
        encoder.write(numbered(1, plan, 0, 1))


def test_verify_notices_a_missing_frame(clip, tmp_path):
    plan = plan_encode(clip, tmp_path / "o.mp4", fps=Fraction(10))
    with Encoder(tmp_path / "o.mp4", plan) as encoder:
        for number in range(10):
            encoder.write(numbered(number, plan, Fraction(number, 10), Fraction(1, 10)))
    encoder.frames += 1
    with pytest.raises(OutputError, match="10 of 11 frames"):
        encoder.verify()


def test_verify_notices_a_truncated_file(clip, tmp_path):
    plan = plan_encode(clip, tmp_path / "o.mkv", fps=Fraction(10))
    with Encoder(tmp_path / "o.mkv", plan) as encoder:
        for number in range(40):
            encoder.write(numbered(number, plan, Fraction(number, 10), Fraction(1, 10)))
    data = (tmp_path / "o.mkv").read_bytes()
    (tmp_path / "o.mkv").write_bytes(data[: len(data) // 2])
    with pytest.raises(OutputError):
        encoder.verify()


FULL_DISK = """
import sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from vfi_cli.errors import OutputError
from vfi_cli.video.write.encode import Encoder
from vfi_cli.video.write.encode_plan import plan_encode
from vfi_cli.video.read.probe import probe
from vfi_cli.video.location.output_file import OutputFile
from vfi_cli.video.types import VideoFrame

info, path = probe(sys.argv[1]), Path(sys.argv[2])
draw = np.random.default_rng(0)
try:
    with OutputFile(path) as target:
        plan = plan_encode(info, path, fps=Fraction(10), options={"crf": "1"})
        with Encoder(target.temp_path, plan) as encoder:
            for number in range(int(sys.argv[3])):
                shapes = plan.format.shapes(info.width, info.height)
                planes = tuple(draw.integers(0, 256, shape, dtype=np.uint8) for shape in shapes)
                frame = VideoFrame(planes, plan.format, plan.color, Fraction(number, 10), Fraction(1, 10))
                encoder.write(frame)
        encoder.verify()
        target.commit()
except OutputError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_FSIZE")
@pytest.mark.parametrize("name", ["o.mp4", "o.mkv"])
@pytest.mark.parametrize(("frames", "limit"), [(100, 100_000), (2, 8_000), (20, 500)])
def test_a_full_disk_at_any_time_is_an_error_and_leaves_no_file(clip, tmp_path, name, frames, limit):
    def limit_file_size():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, clip.path, tmp_path / name, str(frames)],
        preexec_fn=limit_file_size,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 4, done.stderr
    assert "File too large" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_audio_before_the_video_shifts_the_origin_only_if_it_is_kept(clip, tmp_path):
    info = replace(clip, start=Fraction(23, 1000), origin=Fraction(0))
    origins = [plan_encode(info, tmp_path / "o.mp4", keep_audio=kept).origin for kept in (True, False)]
    assert origins == [info.origin, info.start]


def test_every_hevc_encoder_gets_the_tag_that_quicktime_plays():
    present = [name for name in ("libx265", "hevc_nvenc", "hevc_qsv", "hevc_amf") if name in av.codecs_available]
    assert "libx265" in present
    for output, tag in ((MP4, "hvc1"), (MOV, "hvc1"), (MKV, None)):
        assert {codec_tag(output, name) for name in present} == {tag}
    assert codec_tag(MP4, "libx264") is None
