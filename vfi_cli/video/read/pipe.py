"""YUV4MPEG2 on standard input: frames from another program."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from fractions import Fraction
from pathlib import Path
from select import select
from typing import BinaryIO

import av
from av.container import InputContainer

from vfi_cli.errors import InputError
from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.formats import PIPE
from vfi_cli.video.limits import PICTURE_LIMIT
from vfi_cli.video.read.decode import Decoder, refuse_interlaced
from vfi_cli.video.read.probe import examine
from vfi_cli.video.read.reader import Stamped, StreamReader
from vfi_cli.video.read.retime import at_rate

_Y4M = "yuv4mpegpipe"
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
            self._container = av.open(self._counter, "r", format=_Y4M, options=dict(PICTURE_LIMIT))
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
