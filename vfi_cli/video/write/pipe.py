"""YUV4MPEG2 on standard output: frames for another program."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from types import TracebackType
from typing import BinaryIO, Self

import av
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from vfi_cli.errors import OutputError
from vfi_cli.video.av_frame import to_av_frame
from vfi_cli.video.formats import PIPE
from vfi_cli.video.types import VideoFrame
from vfi_cli.video.write.encode_plan import EncodePlan
from vfi_cli.video.write.writer import AbortableWriter

_NAME = "standard output"


class StandardOutput:
    """Standard output, where nothing has to be reserved, put in place or removed."""

    temp_path = PIPE

    def commit(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class PipeWriter(AbortableWriter):
    """Writes frames as they come to standard output, or `pipe`. Raises OutputError if nobody can read them."""

    def __init__(self, plan: EncodePlan, pipe: BinaryIO | None = None) -> None:
        self.plan = plan
        self.frames = 0
        self._pipe = pipe or _standard_output()
        # "strict" admits more than 8 bits.
        sink = _Shaped(self._pipe, plan.sar)
        self._container = av.open(sink, "w", format=plan.output.muxer, container_options={"strict": "-1"})
        siting = {"chroma_sample_location": plan.siting} if plan.siting else {}
        stream = self._container.add_stream(plan.codec, rate=plan.rate, options=siting)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = plan.width, plan.height, plan.format.pix_fmt
        stream.codec_context.color_range = ColorRange.JPEG if plan.color.full_range else ColorRange.MPEG
        self._stream = stream

    def write(self, frame: VideoFrame) -> None:
        """Append a frame of the planned format."""
        picture = to_av_frame(frame, frame.format.pix_fmt)
        picture.pts, picture.time_base = self.frames, self.plan.time_base
        with self._broken():
            self._container.mux(self._stream.encode(picture))
            self._pipe.flush()
        self.frames += 1

    @contextmanager
    def _broken(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError as error:
            raise OutputError("is no longer read", path=_NAME) from error
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"cannot be written: {error.strerror}", path=_NAME) from error

    def close(self) -> None:
        """Nothing is on its way any more."""
        with self._broken():
            self._container.close()
            self._pipe.flush()

    def abort(self) -> None:
        """Write no more."""
        with suppress(av.FFmpegError, OSError):
            self._container.close()

    def verify(self) -> None:
        """What is gone cannot be read back."""


class _Shaped:
    """A pipe for YUV4MPEG2. It writes the aspect into the header, because PyAV does not pass it to FFmpeg's muxer."""

    def __init__(self, pipe: BinaryIO, sar: Fraction) -> None:
        self._pipe = pipe
        self._aspect = b" A%d:%d " % sar.as_integer_ratio()
        self._begun = False

    def write(self, data: bytes) -> int:
        shaped = data if self._begun else bytes(data).replace(b" A0:0 ", self._aspect, 1)
        self._begun = True
        self._pipe.write(shaped)
        return len(data)


def _standard_output() -> BinaryIO:
    if sys.__stdout__ is None or sys.stdout.closed:  # then print goes nowhere, which data must not
        raise OutputError("is closed", path=_NAME)
    if sys.stdout.isatty():
        raise OutputError("is a terminal", path=_NAME, remedy="pipe it into a program, or into a file")
    return sys.stdout.buffer
