"""Encoders make the same bytes from the same frames, so a resumed job equals one that was not interrupted."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.media import make_clip
from vfi_cli.video.formats import MKV, MOV
from vfi_cli.video.hdr import joined
from vfi_cli.video.read.probe import probe
from vfi_cli.video.types import ColorSpec, PlaneFormat, VideoFrame
from vfi_cli.video.write import reproducible
from vfi_cli.video.write.codecs import encoder_options
from vfi_cli.video.write.concat import check_muxer
from vfi_cli.video.write.encode_plan import EncodePlan, plan_encode
from vfi_cli.video.write.segments import SegmentWriter

COLOR = ColorSpec("bt709")
RATE = Fraction(30)


def tiles(format: PlaneFormat, width: int, height: int, frames: int) -> Iterator[VideoFrame]:
    """Random tiles that move to the right. Motion out of a row of macroblocks makes x264 read behind the row."""
    rng, step, side = np.random.default_rng(0), 6, 8
    shapes = format.shapes(width, height)
    planes = [
        rng.integers(format.peak // 16, format.peak, (rows // side + 1, (columns + step * frames) // side + 1))
        .astype(format.dtype)
        .repeat(side, 0)
        .repeat(side, 1)
        for rows, columns in shapes
    ]
    for number in range(frames):
        begins = [step * (frames - number) * columns // width for _, columns in shapes]
        shown = (
            plane[:rows, begin : begin + columns]
            for plane, begin, (rows, columns) in zip(planes, begins, shapes, strict=True)
        )
        yield VideoFrame(tuple(shown), format, COLOR, number / RATE, 1 / RATE)


@pytest.fixture
def fill_memory() -> Iterator[Callable[[int], None]]:
    """Lets glibc fill new memory with a given byte, so that reads of uninitialised memory change the output."""
    mallopt, perturb = ctypes.CDLL(None).mallopt, -6  # malloc.h
    yield lambda byte: mallopt(perturb, byte)
    mallopt(perturb, 0)


def encoded(folder: Path, codec: str, pix_fmt: str, size: tuple[int, int], frames: int) -> list[bytes]:
    """The packets of a video that is encoded as three segments."""
    folder.mkdir()
    format = PlaneFormat.named(pix_fmt)
    options = joined(encoder_options(codec, format, None, None), reproducible.reproducible_options(codec, size[0]))
    output = MOV if codec == "prores_ks" else MKV
    plan = EncodePlan(folder / "out", output, codec, options, *size, format, COLOR, RATE, 1 / RATE)
    extradata = check_muxer(folder / "part", plan, None).extradata
    length = -(-frames // 3)
    with SegmentWriter(folder, plan, extradata, length=length, kept={}, closed=lambda _: None) as writer:
        for frame in tiles(format, *size, frames):
            writer.write(frame)
    packets = []
    for path in sorted(folder.glob("*.mkv")):
        with av.open(str(path)) as container_:
            packets += [bytes(packet) for packet in container_.demux(video=0) if packet.size]
    assert len(packets) == frames
    return packets


@pytest.mark.parametrize("size", [(322, 182), (480, 270)], ids=str)
def test_x264_is_reproducible_if_the_width_is_no_multiple_of_128(tmp_path, fill_memory, size):
    runs = []
    for byte in (1, 85, 170):
        fill_memory(byte)
        runs.append(encoded(tmp_path / str(byte), "libx264", "yuv420p", size, 45))
    assert runs[0] == runs[1] == runs[2]


def test_x265_is_reproducible_for_frames_one_block_wide(tmp_path, fill_memory):
    runs = []
    for byte in (1, 38, 75, 112):
        fill_memory(byte)
        runs.append(encoded(tmp_path / str(byte), "libx265", "yuv420p", (64, 64), 30))
    assert all(run == runs[0] for run in runs)


def test_options_of_the_user_override_ours(tmp_path):
    clip = probe(make_clip(tmp_path / "in.mp4", 2, height=64))
    plan = plan_encode(clip, tmp_path / "out.mp4", codec="libx265", options={"x265-params": "ctu=16"})
    assert plan.options["x265-params"] == "log-level=error:ctu=32:ctu=16"  # the last value counts


@pytest.mark.slow
@pytest.mark.parametrize("size", [(320, 180), (322, 182), (640, 360), (854, 480), (1280, 720)], ids=str)
@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [
        *(("libx264", "yuv420p"), ("libx264", "yuv420p10le"), ("libx264", "yuv444p")),
        *(("libx265", "yuv420p"), ("libx265", "yuv420p10le")),
        *(("libsvtav1", "yuv420p"), ("libsvtav1", "yuv420p10le")),
        *(("libvpx-vp9", "yuv420p"), ("libvpx-vp9", "yuva420p")),
        *(("ffv1", "yuv420p10le"), ("prores_ks", "yuv422p10le"), ("mpeg4", "yuv420p")),
    ],
)
def test_every_encoder_is_reproducible(tmp_path, fill_memory, codec, pix_fmt, size):
    runs = []
    for byte in (1, 170):
        fill_memory(byte)
        runs.append(encoded(tmp_path / str(byte), codec, pix_fmt, size, 90 if size[1] < 400 else 24))
    assert runs[0] == runs[1]


@pytest.mark.parametrize(("flags", "options"), [("avx2 avx512f avx512vl", {"x264-params": "asm=avx2"}), ("avx2", {})])
def test_only_x264_on_a_cpu_with_avx_512_gets_an_option(tmp_path, monkeypatch, flags, options):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags} sse\n")
    monkeypatch.setattr(reproducible, "_CPU", tmp_path / "cpuinfo")
    reproducible._has_avx512.cache_clear()
    try:
        assert (
            reproducible.reproducible_options("libx264", 320)
            == reproducible.reproducible_options("libx264rgb", 320)
            == options
        )
        assert reproducible.reproducible_options("libx265", 320) == {}
    finally:
        reproducible._has_avx512.cache_clear()
