"""Tests that pixel values keep their meaning: interlacing, alpha, bit depths, colour matrices, HDR."""

from __future__ import annotations

import av
import numpy as np
import pytest

from tests.media import make_clip
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe

case = pytest.mark.reliability

MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
BARS = ((180, 128, 128), (162, 44, 142), (131, 156, 44), (112, 72, 58), (84, 184, 198), (65, 100, 212), (35, 212, 114))
"""Y, Cb and Cr of BT.601 for colour bars of 75 %: white, yellow, cyan, green, magenta, red, blue."""


def read(path):
    info = probe(path)
    with decode(info) as decoder:
        return info, list(decoder)


def lossless(codec):
    return ("-c:v", codec, "-e", {"libx264": "x264-params=qp=0", "libx265": "x265-params=lossless=1"}[codec])


@case(22)
def test_interlaced_video_is_refused_with_the_option_that_helps(vfi, tmp_path, unchanged):
    clip = make_clip(tmp_path / "il.ts", 6, codec="mpeg2video", rate=25, interlaced=True)
    with unchanged():
        done = vfi("interp", clip)
    assert done.code == 3 and "--deinterlace" in done.err
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", "--deinterlace")
    info, frames = read(tmp_path / "out.mp4")
    assert (done.code, len(frames), info.interlaced) == (0, 12, False)


@case(23)
@pytest.mark.parametrize(
    ("source", "target", "kept"),
    [
        ("alpha.webm", ["out.webm"], True),
        ("alpha.mov", ["out.mov", "-c:v", "prores_ks"], True),
        ("alpha.webm", ["out.mp4"], False),
    ],
)
def test_transparency_is_interpolated_or_dropped_with_a_warning(vfi, tmp_path, source, target, kept):
    webm = source.endswith("webm")
    peak, kind, cell = (255, np.uint8, 2) if webm else (1023, np.uint16, 1)
    planes = [np.full((48 // (cell if n in (1, 2) else 1), 64 // (cell if n in (1, 2) else 1)), peak // 2, kind)
              for n in range(4)]  # fmt: skip
    planes[3] = np.tile(np.where(np.arange(64) < 32, peak, 0).astype(kind), (48, 1))
    clip = make_clip(
        tmp_path / source, 3, planes=planes, codec="libvpx-vp9" if webm else "prores_ks",
        pix_fmt="yuva420p" if webm else "yuva444p10le",
        options={"auto-alt-ref": "0", "b": "0", "crf": "10"} if webm else {"profile": "4444"},
    )  # fmt: skip
    done = vfi("interp", clip, "-o", tmp_path / target[0], *target[1:])
    info, frames = read(tmp_path / target[0])
    assert (done.code, info.format.alpha, len(frames)) == (0, kept, 6)
    assert ("transparency is dropped: libx264" in done.err) != kept
    if kept:
        shares = [frame.planes[3].astype(float) / info.format.peak for frame in frames]
        assert min(share[:, :28].min() for share in shares) > 0.98
        assert max(share[:, 36:].max() for share in shares) < 0.02


@case(24)
@pytest.mark.parametrize(
    ("pix_fmt", "codec", "kept"),
    [
        ("yuv420p10le", "libx264", "yuv420p10le"),
        ("yuv422p10le", "libx264", "yuv422p10le"),
        ("yuv444p10le", "libx264", "yuv444p10le"),
        ("yuv420p12le", "libx265", "yuv420p12le"),
        ("gray", "libx264", "yuv420p"),
        ("gray10le", "libx265", "gray10le"),
        ("yuvj420p", "libx264", "yuvj420p"),
    ],
)
def test_the_bit_depth_and_the_full_range_stay(vfi, tmp_path, pix_fmt, codec, kept):
    peak = (1 << av.VideoFormat(pix_fmt).components[0].bits) - 1
    row = np.linspace(0, peak, 256).round().astype(np.uint8 if peak == 255 else np.uint16)
    ramp, full = np.tile(row, (64, 1)), pix_fmt in ("yuvj420p", "gray")
    clip = make_clip(
        tmp_path / "in.mkv", 3, width=256, height=64, planes=[ramp], codec="libx264" if full else "ffv1",
        pix_fmt=pix_fmt, options={"x264-params": "qp=0"} if full else None, matrix=1, full_range=full,
    )  # fmt: skip
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", *lossless(codec))
    info, frames = read(tmp_path / "out.mp4")
    assert (done.code, info.pix_fmt.replace("yuvj", "yuv")) == (0, kept.replace("yuvj", "yuv"))
    assert (info.color.full_range, len(frames)) == (full, 6)
    assert max(np.abs(frame.planes[0].astype(int) - ramp).max() for frame in frames) <= 1


@case(24)
@pytest.mark.parametrize(("name", "codec", "pix_fmt"), [("in.mkv", "ffv1", "gbrp10le"), ("in.gif", "gif", "rgb8")])
def test_rgb_and_palettes_become_yuv444(vfi, tmp_path, name, codec, pix_fmt):
    red = np.full((48, 64, 3), (255, 0, 0), np.uint8)
    clip = make_clip(tmp_path / name, 3, planes=[red], codec=codec, pix_fmt=pix_fmt)
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", *lossless("libx264"))
    info, frames = read(tmp_path / "out.mp4")
    deep = pix_fmt == "gbrp10le"
    assert (done.code, info.pix_fmt) == (0, "yuv444p10le" if deep else "yuv444p")
    expected = np.array([81, 90, 240]) * (4 if deep else 1)  # BT.601, limited
    for frame in frames:
        assert np.abs([int(plane[24, 32]) for plane in frame.planes] - expected).max() <= (3 if deep else 1)


@case(25)
@pytest.mark.parametrize(("height", "matrix"), [(48, 6), (720, 1), (48, 2)], ids=["BT.601", "BT.709", "untagged"])
def test_colour_bars_and_their_tags_do_not_change(vfi, tmp_path, height, matrix):
    planes = [np.tile(np.repeat([bar[n] for bar in BARS], 16).astype(np.uint8), (height, 1)) for n in range(3)]
    clip = make_clip(
        tmp_path / "in.mkv", 3, width=112, height=height, planes=planes, pix_fmt="yuv444p", matrix=matrix, codec="ffv1"
    )
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", *lossless("libx264"))
    info, frames = read(tmp_path / "out.mp4")
    assert done.code == 0 and ("no colour matrix is tagged" in done.err) == (matrix == 2)
    assert info.color.matrix_code == matrix
    for frame in frames:
        assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(frame.planes, planes, strict=True))


@case(26)
@pytest.mark.parametrize("codec", ["libx265", "libx264"])
def test_hdr10_keeps_its_bit_depth_tags_and_metadata(vfi, tmp_path, codec):
    params = f"log-level=none:hdr10=1:master-display={MASTERING}:max-cll=1000,400"
    clip = make_clip(
        tmp_path / "in.mp4", 3, height=64, codec="libx265", pix_fmt="yuv420p10le", matrix=9, primaries=9, transfer=16,
        options={"x265-params": params},
    )  # fmt: skip
    chosen = [] if codec == "libx265" else ["-c:v", codec]  # H.265 is the default for HDR
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4", *chosen)
    before, after = probe(clip), probe(tmp_path / "out.mp4")
    assert done.code == 0 and before.hdr is not None and before.hdr.light == (1000, 400)
    assert (after.format, after.color, after.hdr) == (before.format, before.color, before.hdr)
    assert after.codec == ("hevc" if codec == "libx265" else "h264")


@case(27)
def test_hlg_keeps_its_bit_depth_and_tags(vfi, tmp_path):
    clip = make_clip(
        tmp_path / "in.mkv", 3, height=64, codec="libx265", pix_fmt="yuv420p10le", matrix=9, primaries=9, transfer=18,
        options={"x265-params": "log-level=none"},
    )  # fmt: skip
    done = vfi("interp", clip, "-o", tmp_path / "out.mp4")
    before, after = probe(clip), probe(tmp_path / "out.mp4")
    assert done.code == 0 and before.color.transfer == 18
    assert (after.codec, after.format, after.color) == ("hevc", before.format, before.color)
