"""A job keeps the colours, depth, alpha and HDR data of its source: reliability cases 22 to 27, without the network."""

import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from tests.blend import Blend
from tests.media import make_clip
from vfi_cli.errors import InputError, UsageError
from vfi_cli.jobs.interp.convert import to_rgb
from vfi_cli.jobs.interp.plan import InterpJob
from vfi_cli.jobs.interp.run_clip import run
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe


def read(path: Path):
    info = probe(path)
    with decode(info) as decoder:
        return info, list(decoder)


def interpolated(source: Path, target: Path, **options: object):
    summary = run(InterpJob(source=source, target=target, **options), interpolator=Blend())
    assert summary.exit_code == 0 and summary.generated > 0
    return read(target)


def ramps(pix_fmt: str, width: int, height: int) -> list[np.ndarray]:
    """Planes that hold all codes from left to right, as far as their width allows."""
    format = av.VideoFormat(pix_fmt)
    peak = (1 << format.components[0].bits) - 1
    kind = np.uint8 if peak == 255 else np.uint16
    planes = []
    for number, plane in enumerate(av.VideoFrame(width, height, pix_fmt).planes):
        row = np.linspace(0, peak, plane.width).round().astype(kind)
        planes.append(np.tile(row[::-1] if number % 2 else row, (plane.height, 1)))
    return planes


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(
    ("pix_fmt", "name", "codec", "kept"),
    [
        ("yuv420p", "o.mp4", "libx264", "yuv420p"),
        ("yuv422p", "o.mp4", "libx264", "yuv422p"),
        ("yuv444p", "o.mp4", "libx264", "yuv444p"),
        ("yuvj420p", "o.mp4", "libx264", "yuv420p"),
        ("yuv420p10le", "o.mp4", "libx264", "yuv420p10le"),
        ("yuv422p10le", "o.mkv", "libx264", "yuv422p10le"),
        ("yuv444p10le", "o.mkv", "libx264", "yuv444p10le"),
        ("yuv420p12le", "o.mp4", "libx265", "yuv420p12le"),
        ("yuv444p12le", "o.mp4", "libx265", "yuv444p12le"),
        ("gray", "o.mp4", "libx264", "yuv420p"),
        ("gray10le", "o.mp4", "libx264", "yuv420p10le"),
        ("gray12le", "o.mp4", "libx265", "gray12le"),
    ],
)
def test_a_still_ramp_keeps_its_codes_to_within_one(tmp_path, pix_fmt, name, codec, kept, full_range):
    """The chosen encoder codes without loss, so only our own conversions could change a code."""
    planes = ramps(pix_fmt, 256, 64)
    full_range = full_range or pix_fmt == "yuvj420p"
    source = make_clip(
        tmp_path / "a.mkv", 3, width=256, height=64, codec="libx264" if "j" in pix_fmt else "ffv1", pix_fmt=pix_fmt,
        planes=planes, matrix=1, full_range=full_range, options={"qp": "0"} if "j" in pix_fmt else None,
    )  # fmt: skip
    lossless = {"x264-params": "qp=0"} if codec == "libx264" else {"x265-params": "lossless=1"}
    info, frames = interpolated(source, tmp_path / name, encoder_options=lossless)
    assert (info.codec, info.format.pix_fmt) == ({"libx264": "h264", "libx265": "hevc"}[codec], kept)
    assert info.color.full_range == full_range and len(frames) == 6
    for frame in frames:
        for got, expected in zip(frame.planes, planes, strict=False):
            assert np.abs(got.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("codec", "pix_fmt"), [("libx264rgb", "rgb24"), ("ffv1", "gbrp10le"), ("gif", "rgb8")])
def test_rgb_becomes_yuv_with_full_chroma_and_the_same_depth(tmp_path, codec, pix_fmt):
    red = np.full((48, 64, 3), (255, 0, 0), np.uint8)
    source = make_clip(tmp_path / ("a.gif" if codec == "gif" else "a.mkv"), 3, codec=codec, pix_fmt=pix_fmt,
                       planes=[red], matrix=0, options={"qp": "0"} if codec == "libx264rgb" else None)  # fmt: skip
    info, frames = interpolated(source, tmp_path / "o.mp4", crf=1)
    assert info.format.pix_fmt == ("yuv444p10le" if "10" in pix_fmt else "yuv444p")
    wanted = torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1)
    assert max(float((to_rgb(frame) - wanted).abs().max()) for frame in frames) < 0.02


def test_rgb_stays_rgb_in_a_lossless_codec(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    source = make_clip(tmp_path / "a.mkv", 3, codec="ffv1", pix_fmt="bgr0", planes=[noise])
    info, frames = interpolated(source, tmp_path / "o.mkv", codec="ffv1")
    assert info.format.kind == "rgb"
    for frame in frames:
        green, blue, red = frame.planes
        assert np.array_equal(np.stack((red, green, blue), 2), noise)


def test_transparency_is_interpolated_like_the_colours(tmp_path):
    levels = [np.full((48, 64), level, np.uint8) for level in (0, 200)]
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as container:
        video = container.add_stream("ffv1", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuva420p"
        for number, level in enumerate(levels):
            frame = av.VideoFrame(64, 48, "yuva420p")
            for plane in frame.planes:
                np.frombuffer(plane, np.uint8)[:] = 128
            rows = np.frombuffer(frame.planes[3], np.uint8).reshape(48, -1)
            rows[:, :64] = level
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    _, frames = interpolated(source, tmp_path / "o.mkv", codec="ffv1", fps="40")
    assert [int(frame.planes[3][0, 0]) for frame in frames] == [0, 50, 100, 150, 200, 200, 200, 200]


def test_a_warning_says_that_transparency_is_dropped(tmp_path, caplog):
    source = make_clip(
        tmp_path / "a.webm", 3, codec="libvpx-vp9", pix_fmt="yuva420p", options={"auto-alt-ref": "0", "b": "0"}
    )
    with caplog.at_level(logging.WARNING):
        info, _ = interpolated(source, tmp_path / "o.mp4")
    assert not info.format.alpha and "transparency is dropped: libx264" in caplog.text


def test_a_job_keeps_hdr10_metadata(tmp_path):
    params = "log-level=none:hdr10=1:master-display=" \
        "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"  # fmt: skip
    source = make_clip(tmp_path / "a.mp4", 3, width=64, height=64, codec="libx265", pix_fmt="yuv420p10le", matrix=9,
                       primaries=9, transfer=16, options={"x265-params": params})  # fmt: skip
    before, after = probe(source), interpolated(source, tmp_path / "o.mp4")[0]
    assert before.hdr is not None
    assert (after.codec, after.format, after.color, after.hdr) == ("hevc", before.format, before.color, before.hdr)


def test_interlaced_video_is_refused_unless_an_option_says_how_to_read_it(tmp_path):
    source = make_clip(tmp_path / "a.ts", 6, codec="mpeg2video", rate=25, interlaced=True)
    with pytest.raises(InputError, match="--deinterlace"):
        interpolated(source, tmp_path / "o.mp4")
    info, frames = interpolated(source, tmp_path / "o.mp4", deinterlace=True)
    assert len(frames) == 12 and not info.interlaced
    info, frames = interpolated(source, tmp_path / "p.mkv", progressive=True, codec="ffv1")
    assert len(frames) == 12 and not info.interlaced
    with av.open(str(source)) as container:
        stored = [frame.to_ndarray() for frame in container.decode(video=0)]
    with av.open(str(tmp_path / "p.mkv")) as container:
        written = [frame.to_ndarray() for frame in container.decode(video=0)]
    assert all(np.array_equal(a, b) for a, b in zip(stored, written[::2], strict=True))


def test_deinterlace_and_progressive_exclude_each_other(tmp_path):
    with pytest.raises(UsageError, match="--deinterlace and --progressive"):
        InterpJob(source=tmp_path / "a.ts", deinterlace=True, progressive=True)
