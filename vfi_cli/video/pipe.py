"""YUV4MPEG2 on standard input and output: pictures from and for another program, one after the other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from select import select
from types import TracebackType
from typing import BinaryIO, Self

import av
from av.container import InputContainer
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from vfi_cli.errors import InputError, OutputError
from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.closing import Closing
from vfi_cli.video.decode import Decoder, refuse_interlaced
from vfi_cli.video.forms import PIPE
from vfi_cli.video.limits import PICTURE_LIMIT
from vfi_cli.video.output import EncodePlan
from vfi_cli.video.probe import examine
from vfi_cli.video.reader import Stamped, StreamReader
from vfi_cli.video.retime import at_rate
from vfi_cli.video.types import VideoFrame
from vfi_cli.video.wire import to_picture

Y4M = "yuv4mpegpipe"
_OUTPUT = "standard output"
_PATIENCE = 0.2  # seconds
_FRAME = b"FRAME\n"
_HEADER = 4096  # bytes that hold the header and the beginning of the first frame


class PipeInput:
    """A pipe as a clip. A `sources.Source`.

    It can be read once: `probe` reads the header, `decode` all that follows.

    rate: frames per second, used instead of the rate in the header.
    """

    path = Path("standard input")
    beside = PIPE

    def __init__(self, pipe: BinaryIO | None = None, rate: Fraction | None = None) -> None:
        self._pipe = pipe
        self._rate = rate
        self._counter: _Counter | None = None
        self._container: InputContainer | None = None

    def probe(self) -> ClipInfo:
        """See `probe.probe`; the length is not known. Raises InputError unless the pipe holds YUV4MPEG2."""
        self._counter = _Counter(self._pipe or _standard_input())
        try:
            self._container = av.open(self._counter, "r", format=Y4M, options=dict(PICTURE_LIMIT))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise InputError(
                "holds no YUV4MPEG2 video", path=self.path, remedy="ffmpeg writes it with -f yuv4mpegpipe"
            ) from error
        info = examine(self._container, self.path, live=True)
        return info if self._rate is None else at_rate(info, self._rate)

    def decode(self, info: ClipInfo, start: Fraction | None = None, stop: Fraction | None = None) -> Decoder:
        """See `decode.decode`; what lies before `start` is read and dropped."""
        refuse_interlaced(info)
        assert self._container is not None, "probe it first"
        assert self._counter is not None
        return Decoder(info, _PipeReader(info, self._container, self._counter), start, stop)


class _Counter:
    """A pipe, and how many bytes have come out of it; it cannot be sought in."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._head = b""
        self._count = 0
        self._over = False

    def end(self) -> None:
        """Whoever reads, now or later, finds the end, though the pipe may stay open."""
        self._over = True

    def read(self, size: int) -> bytes:
        with suppress(OSError):  # of what is no pipe
            while not self._over and not select([self._pipe], (), (), _PATIENCE)[0]:
                pass
        data = b"" if self._over else self._pipe.read(size)
        self._count += len(data)
        if len(self._head) < _HEADER:
            self._head += data
        return data

    def ends_within(self, frame: int) -> bool:
        """Whether what came is not a whole number of frames, of so many bytes each."""
        header, _, rest = self._head.partition(b"\n")
        # A frame may have parameters, but nobody writes any.
        return rest.startswith(_FRAME) and (self._count - len(header) - 1) % (len(_FRAME) + frame) > 0


class _PipeReader(StreamReader):
    """A `StreamReader` that misses the end of the last frame: FFmpeg takes half a frame for the end of the clip."""

    def __init__(self, info: ClipInfo, container: InputContainer, counter: _Counter) -> None:
        super().__init__(info, closing(container))
        self._counter = counter

    def interrupt(self) -> None:
        self._counter.end()

    def pictures(self) -> Iterator[Stamped]:
        yield from super().pictures()
        stored = av.VideoFormat(self._info.pix_fmt, self._info.width, self._info.height)
        planes = stored.components  # every format of YUV4MPEG2 has a plane for each
        samples = sum(plane.width * plane.height for plane in planes)
        sample_bytes = 2 if planes[0].bits > 8 else 1
        self.damaged += self._counter.ends_within(samples * sample_bytes)


def _standard_input() -> BinaryIO:
    if sys.stdin is None or sys.stdin.closed:
        raise InputError("is closed", path=PipeInput.path)
    if sys.stdin.isatty():
        raise InputError("is a terminal", path=PipeInput.path, remedy="pipe YUV4MPEG2 video into it")
    return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # closed with its owner


class PipeOutput:
    """Standard output, where nothing has to be reserved, put in place or removed."""

    part = PIPE

    def commit(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class PipeWriter(Closing):
    """Writes frames as they come to standard output, or `pipe`. Raises OutputError if nobody can read them."""

    def __init__(self, plan: EncodePlan, pipe: BinaryIO | None = None) -> None:
        self.plan = plan
        self.frames = 0
        self._pipe = pipe or _standard_output()
        # "strict" admits more than 8 bits.
        sink = _Shaped(self._pipe, plan.sar)
        self._container = av.open(sink, "w", format=Y4M, container_options={"strict": "-1"})
        siting = {"chroma_sample_location": plan.siting} if plan.siting else {}
        stream = self._container.add_stream(plan.codec, rate=plan.rate, options=siting)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = plan.width, plan.height, plan.format.pix_fmt
        stream.codec_context.color_range = ColorRange.JPEG if plan.color.full_range else ColorRange.MPEG
        self._stream = stream

    def write(self, frame: VideoFrame) -> None:
        """Append a frame of the planned format."""
        picture = to_picture(frame, frame.format.pix_fmt)
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
            raise OutputError("is no longer read", path=_OUTPUT) from error
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"cannot be written: {error.strerror}", path=_OUTPUT) from error

    def close(self) -> None:
        """Nothing is on its way any more."""
        with self._broken():
            self._container.close()
            self._pipe.flush()

    def abandon(self) -> None:
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
        raise OutputError("is closed", path=_OUTPUT)
    if sys.stdout.isatty():
        raise OutputError("is a terminal", path=_OUTPUT, remedy="pipe it into a program, or into a file")
    return sys.stdout.buffer
