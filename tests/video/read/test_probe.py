"""Tests what `probe` reads from a file, and which files it refuses."""

import os
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.media import make_clip, truncated
from tests.streams import COVER
from vfi_cli.errors import InputError, LimitError
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe
from vfi_cli.video.write.concat import check_muxer
from vfi_cli.video.write.encode_plan import plan_encode


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("probe") / "clip.mp4")


def test_the_properties_of_a_plain_clip(clip):
    info = probe(clip)
    assert (info.width, info.height, info.codec, info.pix_fmt) == (64, 48, "h264", "yuv420p")
    assert (info.average_rate, info.vfr, info.start, info.duration) == (10, False, 0, 1)
    assert (info.frame_count, info.sar, info.rotation, info.interlaced) == (10, 1, 0, False)
    assert info.others == () and info.declared


@pytest.mark.parametrize(
    "name",
    ["-x.mp4", "a%03d.mp4", "a:b.mp4", "new\nline.mp4", "emoji 😀 'q\".mp4", "http:x.mp4", os.fsdecode(b"bad\xff.mp4")],
)
def test_special_characters_in_file_names_have_no_meaning(clip, tmp_path, monkeypatch, name):
    (tmp_path / name).write_bytes(clip.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert probe(name).frame_count == 10


@pytest.mark.parametrize(
    "name", ["http://127.0.0.1:1/a.mp4", "concat:clip.mp4|clip.mp4", "pipe:0", "-", "file:clip.mp4"]
)
def test_urls_and_protocols_are_taken_as_names_of_files(clip, monkeypatch, name):
    monkeypatch.chdir(clip.parent)
    with pytest.raises(InputError, match="no such file"):
        probe(name)


@pytest.mark.parametrize(
    "text", ["ffconcat version 1.0\nfile clip.mp4\n", "#EXTM3U\n#EXTINF:1,\nclip.mp4\n#EXT-X-ENDLIST\n"]
)
def test_a_playlist_named_mp4_is_not_followed(clip, text):
    playlist = clip.with_name("list.mp4")
    playlist.write_text(text)
    with pytest.raises(InputError):
        probe(playlist)


def test_files_that_are_not_videos_are_refused_with_a_reason(clip, tmp_path):
    empty = tmp_path / "empty.mp4"
    empty.touch()
    text = tmp_path / "text.mp4"
    text.write_text("hi\n")
    cases = {
        empty: "empty",
        text: "not a readable video",
        tmp_path: "not a file",
        tmp_path / "none.mp4": "no such file",
        truncated(clip, 0.3, tmp_path / "cut.mp4"): "not a readable video",
    }
    for path, reason in cases.items():
        with pytest.raises(InputError, match=reason):
            probe(path)


def test_an_audio_file_is_refused(tmp_path):
    path = tmp_path / "tone.mka"
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(InputError, match="no video stream"):
        probe(path)


def test_an_audio_file_with_a_cover_image_is_refused(tmp_path):
    path = make_clip(tmp_path / "cover.mkv", 1, codec="mjpeg", pix_fmt="yuvj420p", audio="aac")
    cover = tmp_path / "cover.mp4"
    with av.open(str(path)) as source, av.open(str(cover), "w") as sink:
        copies = {stream: sink.add_stream_from_template(stream, opaque=True) for stream in source.streams}
        for stream, copy in copies.items():
            if stream.type == "video":
                copy.disposition = av.stream.Disposition.attached_pic
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream]
                sink.mux(packet)
    with pytest.raises(InputError, match="cover"):
        probe(cover)


def test_a_header_that_states_a_giant_frame_is_a_limit_error(tmp_path):
    giant = tmp_path / "bomb.y4m"
    giant.write_bytes(b"YUV4MPEG2 W16000 H16000 F25:1 C420\nFRAME\n" + bytes(1000))
    with pytest.raises(LimitError, match="16000x16000"):
        probe(giant)


@pytest.mark.parametrize(
    ("height", "matrix", "full_range", "expected"),
    [
        (48, 2, False, ("bt601", False, True)),
        (720, 2, False, ("bt709", False, True)),
        (48, 1, False, ("bt709", False, False)),
        (720, 6, False, ("bt601", False, False)),
        (48, 5, True, ("bt601", True, False)),
        (48, 9, False, ("bt2020", False, False)),
    ],
)
def test_the_matrix_is_read_from_the_tags_or_guessed_from_the_size(tmp_path, height, matrix, full_range, expected):
    info = probe(make_clip(tmp_path / "a.mp4", 2, height=height, matrix=matrix, full_range=full_range))
    assert (info.color.matrix, info.color.full_range, info.color.guessed) == expected
    assert any("no colour matrix" in note for note in info.notes) == expected[2]


@pytest.mark.parametrize(("codec", "pix_fmt"), [("libx264", "yuv420p10le"), ("ffv1", "gbrp10le")])
def test_an_untagged_matrix_is_guessed_from_bt2020_primaries(tmp_path, codec, pix_fmt):
    info = probe(make_clip(tmp_path / "a.mkv", 2, codec=codec, pix_fmt=pix_fmt, primaries=9))
    assert (info.color.matrix, info.color.guessed) == ("bt2020", codec == "libx264")
    assert any("assumed from the primaries" in note for note in info.notes) == (codec == "libx264")


def test_an_unsupported_matrix_is_refused(tmp_path):
    with pytest.raises(InputError, match="matrix 8"):
        probe(make_clip(tmp_path / "a.mkv", 2, matrix=8, pix_fmt="yuv444p"))


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "nearest"),
    [
        ("libx264", "yuv422p", "yuv422p"),
        ("libx264", "yuvj420p", "yuv420p"),
        ("libx264", "yuv420p10le", "yuv420p10le"),
        ("libx265", "yuv422p12le", "yuv422p12le"),
        ("ffv1", "yuv444p16le", "yuv444p16le"),
        ("ffv1", "yuv420p9le", "yuv420p10le"),
        ("ffv1", "yuv422p14le", "yuv422p16le"),
        ("ffv1", "yuva420p", "yuva420p"),
        ("ffv1", "gray", "gray"),
        ("ffv1", "gray9le", "gray10le"),
        ("ffv1", "ya8", "yuva420p"),
        ("ffv1", "yuv411p", "yuv422p"),
        ("ffv1", "yuv410p", "yuv420p"),
        ("ffv1", "yuv440p", "yuv444p"),
        ("ffv1", "bgr0", "gbrp"),
        ("ffv1", "bgra", "gbrap"),
        ("ffv1", "gbrp14le", "gbrp16le"),
        ("ffv1", "rgba64le", "gbrap16le"),
        ("gif", "rgb8", "gbrap"),
    ],
)
def test_every_pixel_format_is_read_as_the_nearest_supported_one(tmp_path, codec, pix_fmt, nearest):
    if pix_fmt in ("ya8", "rgb8", "bgra", "rgba64le"):
        path = tmp_path / "a.gif" if codec == "gif" else tmp_path / "a.mkv"
        make_packed(path, codec, pix_fmt)
    else:
        path = make_clip(tmp_path / "a.mkv", 2, width=64, height=64, codec=codec, pix_fmt=pix_fmt, matrix=6)
    assert probe(path).format.pix_fmt == nearest


def make_packed(path, codec, pix_fmt):
    """Two black frames."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=10)
        video.width, video.height, video.pix_fmt = 64, 64, pix_fmt
        for number in range(2):
            frame = av.VideoFrame(64, 64, "rgba").reformat(format=pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))


def test_a_note_says_that_float_samples_are_reduced(tmp_path):
    info = probe(make_clip(tmp_path / "a.mkv", 2, codec="ffv1", pix_fmt="yuv444p16le"))
    assert not any("reduced" in note for note in info.notes)
    path = tmp_path / "f.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=10, options={"strict": "experimental"})
        video.width, video.height, video.pix_fmt = 64, 64, "gbrpf32le"
        frame = av.VideoFrame(64, 64, "rgb24").reformat(format="gbrpf32le")
        frame.pts, frame.time_base = 0, Fraction(1, 10)
        container.mux(video.encode(frame))
        container.mux(video.encode(None))
    info = probe(path)
    assert info.format.pix_fmt == "gbrp16le" and any("32-bit samples are reduced" in note for note in info.notes)


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(24), Fraction(25, 2)])
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_the_frame_rate_is_exact_in_any_container(tmp_path, rate, container):
    info = probe(make_clip(tmp_path / f"a.{container}", 60, rate=rate))
    assert info.average_rate == rate
    assert info.vfr is False


def test_the_frame_rate_of_a_raw_stream_is_not_the_default_of_the_demuxer(tmp_path):
    info = probe(make_clip(tmp_path / "a.h264", 12, rate=10, format="h264"))
    assert info.average_rate == 10


def test_uneven_spacing_is_a_variable_frame_rate_with_the_true_mean(tmp_path):
    times = [Fraction(n, 10) for n in (*range(10), *range(12, 42, 3))]
    info = probe(make_clip(tmp_path / "a.mkv", times=times, time_base=Fraction(1, 1000)))
    assert info.vfr is True
    assert abs(info.average_rate - len(times) / times[-1]) < Fraction(1, 2)


def test_the_clip_starts_at_the_first_frame_that_can_be_decoded(tmp_path):
    """The recording begins between two key frames."""
    whole = make_clip(tmp_path / "a.ts", 40, options={"bf": "0", "g": "12", "sc_threshold": "0"}, format="mpegts")
    with av.open(str(whole)) as container:
        packets = [(packet.pos, packet.pts, packet.is_keyframe) for packet in container.demux(video=0) if packet.size]
    key = next(pts for _, pts, is_key in packets[1:] if is_key)
    for first in (3, 6, 9):
        cut = tmp_path / f"{first}.ts"
        cut.write_bytes(whole.read_bytes()[packets[first][0] :])
        info = probe(cut)
        assert info.start == Fraction(key, 90_000)
        assert any(note.endswith("begins between two key frames") for note in info.notes)
        with decode(info) as decoder:
            frames = list(decoder)
        assert (frames[0].pts, len(frames), decoder.damaged) == (info.start, 28, 0)
        with decode(info, stop=Fraction(1, 2)) as decoder:
            assert len(list(decoder)) == 5


def test_a_first_frame_after_zero_keeps_its_time(tmp_path):
    times = [Fraction(1, 2) + Fraction(n, 10) for n in range(10)]
    info = probe(make_clip(tmp_path / "a.mp4", times=times, time_base=Fraction(1, 90000)))
    assert info.start == Fraction(1, 2)
    assert info.duration == 1


def test_other_streams_chapters_and_tags_are_listed(tmp_path):
    info = probe(
        make_clip(
            tmp_path / "a.mkv",
            20,
            audio="aac",
            audio_tracks=2,
            subtitle=True,
            chapters=[(0, 1, "one"), (1, 2, "two")],
            metadata={"title": "T"},
        )
    )
    assert [stream.kind for stream in info.audio] == ["audio", "audio"]
    assert [stream.kind for stream in info.others] == ["audio", "audio", "subtitle"]
    assert str(info.others[2]) == "subtitle #3 (subrip)"
    assert [chapter.metadata["title"] for chapter in info.chapters] == ["one", "two"]
    assert info.metadata["title"] == "T"


def test_the_chapter_track_of_mp4_is_not_listed_as_a_stream(tmp_path):
    info = probe(make_clip(tmp_path / "a.mp4", 20, chapters=[(0, 1, "one"), (1, 2, "two")]))
    assert len(info.chapters) == 2 and info.others == ()


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_chapters_end_with_the_file_and_later_ones_are_left_out_with_a_note(tmp_path, suffix):
    chapters = ((0, 1, "a"), (1, 90, "b"), (60, 90, "c"))
    info = probe(make_clip(tmp_path / f"a.{suffix}", 20, chapters=chapters))
    assert [(chapter.start, chapter.end, chapter.metadata["title"]) for chapter in info.chapters] == [
        (0, 1, "a"),
        (1, 2, "b"),
    ]
    assert "chapters that begin after the end are left out: 1" in info.notes


def test_aspect_ratio_rotation_and_interlacing_are_read(tmp_path):
    info = probe(make_clip(tmp_path / "a.mp4", sar=Fraction(4, 3), rotation=90))
    assert (info.sar, info.rotation, info.mirrored, info.interlaced) == (Fraction(4, 3), 90, False, False)
    info = probe(make_clip(tmp_path / "b.mp4", rotation=-90, mirrored=True))
    assert (info.rotation, info.mirrored) == (-90, True)
    fields = make_clip(tmp_path / "i.mkv", codec="mpeg2video", rate=25, interlaced=True)
    assert probe(fields).interlaced


def test_a_note_says_that_captions_in_the_video_are_lost(tmp_path):
    clip = make_clip(tmp_path / "a.h264", 5, format="h264", options={"bf": "0"})
    assert "A53_CC" not in probe(clip).properties
    data, key = clip.read_bytes(), b"\x00\x00\x01\x65"
    caption = b"\xb5\x00\x31GA94\x03\x41\xff\xfc\x94\x20\xff"  # ATSC A/53 part 4: one pair of CEA-608 bytes
    message = b"\x00\x00\x01\x06\x04" + bytes([len(caption)]) + caption + b"\x80"
    clip.write_bytes(data.replace(key, message + key, 1))
    plan = plan_encode(probe(clip), tmp_path / "b.mp4", fps=Fraction(10))
    assert "the closed captions in the video stream are lost" in check_muxer(tmp_path / "b.mp4", plan, None).lost


def test_frames_with_exif_are_read(tmp_path):
    """PyAV 18.1 does not know EXIF side data, and then returns no side data of such a frame."""
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIII", 8, 1, 0x0112, 3, 1, 6, 0)  # turned by 90 degrees
    jpeg = COVER[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + COVER[2:]
    path = tmp_path / "camera.avi"
    with av.open(str(path), "w") as sink:
        video = sink.add_mux_stream("mjpeg", rate=10, width=16, height=16)
        for number in range(3):
            packet = av.Packet(jpeg)
            packet.stream, packet.time_base, packet.pts, packet.dts = video, Fraction(1, 10), number, number
            sink.mux(packet)
    assert probe(path).rotation == -90
