"""Writes frames as YUV4MPEG2 to standard output, for another program."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import BinaryIO

import av
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from vfi_cli.errors import OutputError
from vfi_cli.video.av_frame import to_av_frame
from vfi_cli.video.formats import PIPE
from vfi_cli.video.location.output_location import OutputLocation
from vfi_cli.video.types import VideoFrame
from vfi_cli.video.write.encode_plan import EncodePlan
from vfi_cli.video.write.writer import AbortableWriter

_NAME = "standard output"


class StandardOutput(OutputLocation):
    """Standard output as an output location. There is nothing to reserve, move or remove."""

    temp_path = PIPE

    def commit(self) -> None:
        pass

    def release(self) -> None:
        pass


class PipeWriter(AbortableWriter):
    """Writes frames at once to `pipe`, or to standard output. Raises OutputError if nobody can read them."""

    def __init__(self, plan: EncodePlan, pipe: BinaryIO | None = None) -> None:
        self.plan = plan
        self.frames = 0
        self._pipe = pipe or _standard_output()
        # Without "strict", the muxer refuses more than 8 bits.
        sink = _AspectPipe(self._pipe, plan.sar)
        self._container = av.open(sink, "w", format=plan.output.muxer, container_options={"strict": "-1"})
        siting = {"chroma_sample_location": plan.siting} if plan.siting else {}
        stream = self._container.add_stream(plan.codec, rate=plan.rate, options=siting)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = plan.width, plan.height, plan.format.pix_fmt
        stream.codec_context.color_range = ColorRange.JPEG if plan.color.full_range else ColorRange.MPEG
        self._stream = stream

    def write(self, frame: VideoFrame) -> None:
        """Append a frame of the planned format. Its time is not written."""
        av_frame = to_av_frame(frame, frame.format.pix_fmt)
        av_frame.pts, av_frame.time_base = self.frames, self.plan.time_base
        with self._report_errors():
            self._container.mux(self._stream.encode(av_frame))
            self._pipe.flush()
        self.frames += 1

    @contextmanager
    def _report_errors(self) -> Iterator[None]:
        """Context manager that turns errors of the pipe into OutputError."""
        try:
            yield
        except BrokenPipeError as error:
            raise OutputError("is no longer read", path=_NAME) from error
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"cannot be written: {error.strerror}", path=_NAME) from error

    def close(self) -> None:
        """Flush the pipe."""
        with self._report_errors():
            self._container.close()
            self._pipe.flush()

    def abort(self) -> None:
        """Write nothing more."""
        with suppress(av.FFmpegError, OSError):
            self._container.close()

    def verify(self) -> None:
        """Do nothing: what went through a pipe cannot be read back."""


class _AspectPipe:
    """A pipe for YUV4MPEG2. It adds the aspect ratio to the header, because PyAV does not pass it to the muxer."""

    def __init__(self, pipe: BinaryIO, sar: Fraction) -> None:
        self._pipe = pipe
        self._aspect = b" A%d:%d " % sar.as_integer_ratio()
        self._header_written = False

    def write(self, data: bytes) -> int:
        patched = data if self._header_written else bytes(data).replace(b" A0:0 ", self._aspect, 1)
        self._header_written = True
        self._pipe.write(patched)
        return len(data)


def _standard_output() -> BinaryIO:
    """Standard output. Raises OutputError if it is closed or a terminal."""
    if sys.__stdout__ is None or sys.stdout.closed:  # then `print` writes to nowhere, but frames must not be lost
        raise OutputError("is closed", path=_NAME)
    if sys.stdout.isatty():
        raise OutputError("is a terminal", path=_NAME, remedy="pipe it into a program, or into a file")
    return sys.stdout.buffer
