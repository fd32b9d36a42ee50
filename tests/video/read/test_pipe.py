"""Tests that YUV4MPEG2 is read from a pipe and written to one without seeking, and that a broken pipe is an error."""

import io
import os
from fractions import Fraction
from tempfile import TemporaryFile
from threading import Thread

import av
import numpy as np
import pytest

from tests.media import make_clip, number_of
from vfi_cli.errors import InputError, LimitError, OutputError
from vfi_cli.video.formats import PIPE
from vfi_cli.video.read.pipe import PipeInput
from vfi_cli.video.read.probe import probe
from vfi_cli.video.read.sources import VideoFile
from vfi_cli.video.write.encode_plan import plan_encode
from vfi_cli.video.write.pipe import PipeWriter


class SlowPipe:
    """A pipe that returns at most 1000 bytes per read, and has no `seek`."""

    def __init__(self, data):
        self._file = TemporaryFile()  # noqa: SIM115  # Python closes it with this object
        self._file.write(data)
        self._file.seek(0)

    def fileno(self):
        return self._file.fileno()

    def read(self, size):
        return self._file.read(min(size, 1000))


def read(data, **trim):
    source = PipeInput(SlowPipe(data))
    info = source.probe()
    with source.decode(info, **trim) as decoder:
        return info, list(decoder), decoder


def y4m(tmp_path, frames=10, **options):
    options.setdefault("codec", "rawvideo")
    return make_clip(tmp_path / "a.y4m", frames, format="yuv4mpegpipe", **options).read_bytes()


def test_every_frame_is_read_once(tmp_path):
    info, frames, decoder = read(y4m(tmp_path, 50, rate=Fraction(30000, 1001)))
    assert [number_of(frame.luma) for frame in frames] == list(range(50))
    assert [frame.pts for frame in frames] == [Fraction(1001 * k, 30000) for k in range(50)]
    assert (info.average_rate, info.live, decoder.damaged) == (Fraction(30000, 1001), True, 0)


def test_a_single_frame_is_read(tmp_path):
    assert len(read(y4m(tmp_path, 1))[1]) == 1


def test_probe_needs_only_the_header(tmp_path):
    reader, writer = os.pipe()
    data = y4m(tmp_path, 2)
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        os.write(writer, data[:-1000])  # a frame and a half
        info = PipeInput(pipe).probe()
        os.close(writer)
    assert (info.width, info.height, info.pix_fmt) == (64, 48, "yuv420p")


def test_a_part_is_read_without_seeking(tmp_path):
    _, frames, _ = read(y4m(tmp_path, 10), start=Fraction(3, 10), stop=Fraction(6, 10))
    assert [number_of(frame.luma) for frame in frames] == [3, 4, 5]


def test_an_incomplete_last_frame_is_counted_as_damaged(tmp_path):
    _, frames, decoder = read(y4m(tmp_path, 10)[:-1000])
    assert (len(frames), decoder.damaged) == (9, 1)


@pytest.mark.parametrize("pix_fmt", ["yuv411p", "yuv422p10le", "gray"])
def test_the_last_frame_counts_as_damaged_only_if_it_is_incomplete(tmp_path, pix_fmt):
    data = y4m(tmp_path, 4, pix_fmt=pix_fmt, muxing={"strict": "-1"})
    _, frames, decoder = read(data)
    assert (len(frames), decoder.damaged) == (4, 0)
    _, frames, decoder = read(data[:-100])
    assert (len(frames), decoder.damaged) == (3, 1)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x00" * 100_000, b"RIFF1234WEBP"])
def test_data_that_is_not_yuv4mpeg2_is_refused(data):
    with pytest.raises(InputError, match="holds no YUV4MPEG2"):
        read(data)


def test_a_huge_header_is_refused():
    with pytest.raises(LimitError):
        read(b"YUV4MPEG2 W16000 H16000 F25:1 C420\nFRAME\n" + bytes(1000))


def plane_bytes(frame):
    """The bytes of every plane without the padding of its rows."""
    deep = 1 + (frame.format.components[0].bits > 8)
    rows = [np.frombuffer(plane, np.uint8).reshape(plane.height, -1) for plane in frame.planes]
    return [row[:, : deep * plane.width].tobytes() for row, plane in zip(rows, frame.planes, strict=True)]


def written(clip, **options):
    info = probe(clip)
    pipe = io.BytesIO()
    plan = plan_encode(info, PIPE, fps=info.average_rate, **options)
    with PipeWriter(plan, pipe) as writer, VideoFile(clip).decode(info) as decoder:
        for frame in decoder:
            writer.write(frame)
        pipe.seek(0)
    return plan, io.BytesIO(pipe.getvalue())


@pytest.mark.parametrize(
    "pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "gray", "yuv420p10le", "yuv422p10le", "yuv444p12le", "gray10le"]
)
def test_pixel_formats_are_written_unchanged(tmp_path, pix_fmt):
    clip = make_clip(tmp_path / "a.mkv", 3, codec="ffv1", pix_fmt=pix_fmt, rate=Fraction(24000, 1001))
    _, pipe = written(clip)
    with av.open(pipe, format="yuv4mpegpipe") as out, av.open(str(clip)) as source:
        assert out.streams.video[0].average_rate == Fraction(24000, 1001)
        pairs = list(zip(out.decode(video=0), source.decode(video=0), strict=True))
    assert len(pairs) == 3
    for got, expected in pairs:
        assert got.format.name == pix_fmt
        assert plane_bytes(got) == plane_bytes(expected)


def test_the_output_to_a_pipe_has_no_audio_and_a_time_base_from_the_rate(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 3, audio="libopus")
    plan, _ = written(clip)
    assert (plan.output.muxer, plan.time_base, plan.origin) == ("yuv4mpegpipe", Fraction(1, 10), probe(clip).start)


def test_a_reader_that_closes_the_pipe_is_an_error(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 100, codec="ffv1")
    info = probe(clip)
    reader, writer = os.pipe()

    def close_early():
        os.read(reader, 10_000)
        os.close(reader)

    thread = Thread(target=close_early)
    thread.start()
    plan = plan_encode(info, PIPE, fps=info.average_rate)
    pipe = os.fdopen(writer, "wb")
    with (
        pytest.raises(OutputError, match="standard output: is no longer read"),
        VideoFile(clip).decode(info) as decoder,
        PipeWriter(plan, pipe) as output,
    ):
        for frame in decoder:
            output.write(frame)
    thread.join()
    pipe.close()
