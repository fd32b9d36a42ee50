"""A clip that is read and written again keeps its codes, depth, plane format, range, tags and side data."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.media import make_clip
from vfi_cli.video.hdr import Mastering, StaticHdr
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe
from vfi_cli.video.types import ColorSpec, PlaneFormat, VideoFrame, every_format
from vfi_cli.video.write.concat import check_muxer, find_lost_properties
from vfi_cli.video.write.encode import Encoder
from vfi_cli.video.write.encode_plan import plan_encode

SPACES = [(matrix, full_range) for matrix in ("bt601", "bt709", "bt2020") for full_range in (False, True)]
RGB_8 = {"gbrp": "bgr0", "gbrap": "bgra"}  # the pixel format that ffv1 stores instead
LOSSLESS = {"libx264": {"x264-params": "qp=0"}, "libx265": {"x265-params": "lossless=1"}}

TEN = Fraction(10)


def noise(format: PlaneFormat, width: int, height: int, color: ColorSpec) -> VideoFrame:
    draw = np.random.default_rng(0)
    planes = tuple(draw.integers(0, format.peak + 1, s).astype(format.dtype) for s in format.shapes(width, height))
    return VideoFrame(planes, format, color, Fraction(0), Fraction(1, 10))


def read(path):
    info = probe(path)
    with decode(info) as decoder:
        return info, list(decoder)


def rewritten(path, target, **options):
    """Read the clip at `path`, write it to `target` as the program does, and return the plan."""
    info, frames = read(path)
    plan = plan_encode(info, target, fps=TEN, **options)
    with Encoder(target, plan) as encoder:
        for frame in frames:
            encoder.write(frame)
    encoder.verify()
    return plan


def lossless(codec):
    return {"codec": codec, "options": LOSSLESS.get(codec, {})}


def written(tmp_path, format, color, **options):
    """Write a clip with one frame of noise; return its path and the frame."""
    seed = replace(probe(make_clip(tmp_path / "seed.mkv", 2, width=64, height=64)), format=format, color=color)
    frame = noise(format, 64, 64, color)
    path = tmp_path / "a.mkv"
    with Encoder(path, plan_encode(seed, path, fps=TEN, **options)) as encoder:
        encoder.write(frame)
    return path, frame


@pytest.mark.parametrize(("matrix", "full_range"), SPACES)
@pytest.mark.parametrize("format", list(every_format()), ids=lambda format: format.pix_fmt)
def test_ffv1_keeps_every_format_unchanged(tmp_path, format, matrix, full_range):
    color = ColorSpec(matrix, full_range, primaries=9, transfer=14)
    path, frame = written(tmp_path, format, color, **lossless("ffv1"))
    plan = rewritten(path, tmp_path / "b.mkv", **lossless("ffv1"))
    info, (back,) = read(tmp_path / "b.mkv")
    assert not plan.notes and back.format == format and info.pix_fmt == RGB_8.get(format.pix_fmt, format.pix_fmt)
    assert all(np.array_equal(a, b) for a, b in zip(back.planes, frame.planes, strict=True))
    if format.kind != "rgb":
        assert info.color == color


@pytest.mark.parametrize(("matrix", "full_range"), SPACES)
@pytest.mark.parametrize("chroma", ["420", "422", "444"])
@pytest.mark.parametrize(("codec", "depth"), [("libx264", 8), ("libx264", 10), ("libx265", 10), ("libx265", 12)])
def test_common_codecs_keep_yuv_unchanged(tmp_path, codec, depth, chroma, matrix, full_range):
    color = ColorSpec(matrix, full_range, primaries=9, transfer=14)
    format = PlaneFormat.named(f"yuv{chroma}p{depth if depth > 8 else ''}")
    path, frame = written(tmp_path, format, color, **lossless("ffv1"))
    rewritten(path, tmp_path / "b.mp4", **lossless(codec))
    info, (back,) = read(tmp_path / "b.mp4")
    assert (back.format, info.color) == (format, color)
    assert all(np.array_equal(a, b) for a, b in zip(back.planes, frame.planes, strict=True))


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("depth", [8, 10, 12])
def test_h265_keeps_gray_as_gray(tmp_path, depth, full_range):
    format, color = PlaneFormat("gray", depth=depth), ColorSpec("bt709", full_range)
    path, frame = written(tmp_path, format, color, **lossless("ffv1"))
    rewritten(path, tmp_path / "b.mp4", **lossless("libx265"))
    info, (back,) = read(tmp_path / "b.mp4")
    assert (back.format, info.color.full_range) == (format, full_range)
    assert np.array_equal(back.planes[0], frame.planes[0])


@pytest.mark.parametrize("tag", [5, 6])
def test_the_tag_of_bt601_stays_5_or_6_as_in_the_source(tmp_path, tag):
    make_clip(tmp_path / "a.mkv", 2, matrix=tag, primaries=tag, transfer=6)
    rewritten(tmp_path / "a.mkv", tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (tag, tag, 6)


MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
DISPLAY = Mastering(
    red=(Fraction("0.68"), Fraction("0.32")),
    green=(Fraction("0.265"), Fraction("0.69")),
    blue=(Fraction("0.15"), Fraction("0.06")),
    white=(Fraction("0.3127"), Fraction("0.329")),
    darkest=Fraction("0.0001"),
    brightest=Fraction(1000),
)


def make_hdr10(path, *, height=64, light="1000,400", transfer=16):
    params = f"log-level=none:hdr10=1:master-display={MASTERING}" + (f":max-cll={light}" if light else "")
    return make_clip(
        path, 3, width=64, height=height, codec="libx265", pix_fmt="yuv420p10le", matrix=9, primaries=9,
        transfer=transfer, options={"preset": "ultrafast", "x265-params": params},
    )  # fmt: skip


@pytest.mark.parametrize("light", ["1000,400", ""])
def test_hdr10_metadata_is_read(tmp_path, light):
    info = probe(make_hdr10(tmp_path / "a.mp4", light=light))
    assert info.hdr == StaticHdr(DISPLAY, (1000, 400) if light else None)
    assert probe(make_clip(tmp_path / "sdr.mp4", 2)).hdr is None
    assert not any("HDR" in note for note in info.notes)


@pytest.mark.parametrize(
    ("name", "codec", "used"),
    [
        ("b.mp4", None, "libx265"),
        ("b.mkv", None, "libx265"),
        ("b.mp4", "libx264", "libx264"),
        ("b.mp4", "libsvtav1", "libsvtav1"),
        ("b.webm", None, "libsvtav1"),
    ],
)
def test_hdr10_metadata_is_kept(tmp_path, name, codec, used):
    source = probe(make_hdr10(tmp_path / "a.mp4"))
    plan = rewritten(source.path, tmp_path / name, codec=codec)
    info = probe(tmp_path / name)
    assert plan.codec == used and not any("metadata" in note for note in plan.notes)
    assert (info.format, info.color) == (source.format, source.color)
    assert (source.color.primaries, source.color.transfer, source.color.matrix) == (9, 16, "bt2020")
    assert info.hdr is not None and info.hdr.light == (1000, 400)
    got, expected = info.hdr.mastering, DISPLAY
    for side in ("red", "green", "blue", "white"):
        assert getattr(got, side) == pytest.approx(getattr(expected, side), abs=2e-5)
    assert (got.brightest, got.darkest) == pytest.approx((1000, 1e-4), rel=0.4)  # AV1 counts in 1/16384 cd/m2


@pytest.mark.parametrize("codec", ["libx265", "libx264", "libsvtav1"])
@pytest.mark.parametrize("hdr", [StaticHdr(DISPLAY), StaticHdr(light=(1000, 400))], ids=["mastering", "light"])
def test_incomplete_hdr10_metadata_is_kept_without_additions(tmp_path, codec, hdr):
    info, frames = read(make_hdr10(tmp_path / "a.mp4"))
    plan = plan_encode(replace(info, hdr=hdr), tmp_path / "b.mkv", fps=TEN, codec=codec)
    with Encoder(tmp_path / "b.mkv", plan) as encoder:
        for frame in frames:
            encoder.write(frame)
    got = probe(tmp_path / "b.mkv").hdr
    assert got is not None and (got.light, got.mastering is None) == (hdr.light, hdr.mastering is None)


def test_hdr10_frames_that_are_too_small_for_x265_are_encoded_by_x264(tmp_path):
    source = probe(make_hdr10(tmp_path / "a.mp4"))
    assert plan_encode(replace(source, height=48), tmp_path / "b.mp4", fps=TEN).codec == "libx264"


def test_a_note_names_the_hdr10_metadata_that_the_encoder_cannot_write(tmp_path):
    source = probe(make_hdr10(tmp_path / "a.mp4"))
    for codec, named in (("prores_ks", True), ("libx265", False)):
        plan = plan_encode(source, tmp_path / "b.mov", fps=TEN, codec=codec)
        lost = check_muxer(tmp_path / "b.mov", plan, None).lost
        assert find_lost_properties(plan) == lost
        assert [sentence for sentence in lost if "HDR" in sentence] == named * [
            "the mastering metadata of HDR is dropped; -c:v libx265 keeps it",
            "the light levels of HDR are dropped; -c:v libx265 keeps them",
        ]
    notes = plan_encode(source, tmp_path / "b.gif", fps=TEN).notes
    assert "the light levels of HDR are dropped" in notes  # a GIF cannot use H.265


def test_encoder_options_of_the_user_are_added_to_those_for_hdr10(tmp_path):
    source = probe(make_hdr10(tmp_path / "a.mp4"))
    plan = plan_encode(source, tmp_path / "b.mp4", fps=TEN, options={"x265-params": "aq-mode=3"})
    params = plan.options["x265-params"]
    assert params.endswith(":aq-mode=3") and "max-cll=1000,400" in params and "log-level=error" in params


def test_hlg_is_kept(tmp_path):
    make_clip(
        tmp_path / "a.mkv", 3, width=64, height=64, pix_fmt="yuv420p10le", matrix=9, primaries=9, transfer=18
    )  # fmt: skip
    plan = rewritten(tmp_path / "a.mkv", tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (plan.codec, context.codec_tag, context.pix_fmt) == ("libx265", "hvc1", "yuv420p10le")
        assert (context.colorspace, context.color_primaries, context.color_trc) == (9, 9, 18)


def alpha_clip(path, codec, pix_fmt, options):
    """A clip that is opaque on the left and transparent on the right."""
    peak = (1 << av.VideoFormat(pix_fmt).components[0].bits) - 1
    kind = np.uint8 if peak == 255 else np.uint16
    colors = [np.full((48, 64), peak // 3, kind)] + [np.full((48, 32 if "420" in pix_fmt else 64), peak // 2, kind)] * 2
    colors[1:] = [plane[: 24 if "420" in pix_fmt else 48] for plane in colors[1:]]
    alpha = np.tile(np.where(np.arange(64) < 32, peak, 0).astype(kind), (48, 1))
    return make_clip(path, 3, codec=codec, pix_fmt=pix_fmt, options=options, planes=[*colors, alpha], matrix=1)


VP9_ALPHA = ("libvpx-vp9", "yuva420p", {"auto-alt-ref": "0", "b": "0", "crf": "10"})
PRORES_ALPHA = ("prores_ks", "yuva444p10le", {"profile": "4444"})


@pytest.mark.parametrize(
    ("source", "made", "target", "codec", "written"),
    [
        ("a.webm", VP9_ALPHA, "b.webm", None, "yuva420p"),
        ("a.webm", VP9_ALPHA, "b.mov", "prores_ks", "yuva444p10le"),
        ("a.mov", PRORES_ALPHA, "b.mov", "prores_ks", "yuva444p10le"),
        ("a.mov", PRORES_ALPHA, "b.webm", None, "yuva420p"),
        ("a.mov", PRORES_ALPHA, "b.mkv", "ffv1", "yuva444p12le"),
    ],
)
def test_transparency_is_read_and_kept_if_the_codec_supports_it(tmp_path, source, made, target, codec, written):
    from vfi_cli.jobs.interp.convert import to_planes, to_rgb

    info, frames = read(alpha_clip(tmp_path / source, *made))
    assert info.format.alpha and not any("transparency" in note for note in info.notes)
    plan = plan_encode(info, tmp_path / target, fps=TEN, codec=codec)
    assert plan.format.pix_fmt == written and not any("transparency" in note for note in plan.notes)
    with Encoder(tmp_path / target, plan) as encoder:
        for number, frame in enumerate(frames):
            planes = to_planes(to_rgb(frame, alpha=True), plan.format, plan.color)
            encoder.write(VideoFrame(planes, plan.format, plan.color, Fraction(number, 10), Fraction(1, 10)))
    back, again = read(tmp_path / target)
    assert back.format.alpha and len(again) == 3
    for frame in again:
        opacity = frame.planes[-1].astype(float) / frame.format.peak
        assert opacity[:, :28].min() > 0.98 and opacity[:, 36:].max() < 0.02


def test_a_note_tells_if_the_codec_does_not_support_transparency(tmp_path):
    info = probe(alpha_clip(tmp_path / "a.webm", *VP9_ALPHA))
    plan = plan_encode(info, tmp_path / "b.mp4", fps=TEN)
    assert plan.format.pix_fmt == "yuv420p"
    assert [note for note in plan.notes if "transparency is dropped: libx264" in note]


def test_seeking_in_a_clip_with_transparency_finds_the_frames(tmp_path):
    path = make_clip(
        tmp_path / "a.webm", 40, codec="libvpx-vp9", pix_fmt="yuva420p", options={"auto-alt-ref": "0", "g": "5"}
    )
    with decode(probe(path), Fraction(2), Fraction(3)) as decoder:
        assert [frame.pts for frame in decoder] == [Fraction(20 + k, 10) for k in range(10)]


def test_a_note_tells_if_rgb_becomes_yuv(tmp_path):
    info = probe(make_clip(tmp_path / "a.mkv", 2, codec="ffv1", pix_fmt="bgr0"))
    notes = plan_encode(info, tmp_path / "b.mkv", fps=TEN).notes
    assert any("gbrp becomes yuv444p" in note for note in notes)
