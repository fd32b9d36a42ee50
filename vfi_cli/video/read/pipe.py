"""Reads YUV4MPEG2 video from standard input, as another program writes it."""

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
from vfi_cli.video.limits import SIZE_LIMIT
from vfi_cli.video.read.decode import Decoder, refuse_interlaced
from vfi_cli.video.read.probe import examine
from vfi_cli.video.read.reader import StampedFrame, StreamReader
from vfi_cli.video.read.retime import at_rate

_Y4M = "yuv4mpegpipe"
_POLL_INTERVAL = 0.2  # seconds between two looks at `_ended`
_FRAME_MARK = b"FRAME\n"
_HEAD_BYTES = 4096  # bytes that are enough for the header and the beginning of the first frame


class PipeInput:
    """A pipe as a clip. Implements `sources.Source`.

    A pipe can be read only once: `probe` reads the header, `decode` reads the frames.

    Args:
        pipe: None: standard input.
        rate: frames per second, used instead of the rate in the header.
    """

    path = Path("standard input")
    beside = PIPE

    def __init__(self, pipe: BinaryIO | None = None, rate: Fraction | None = None) -> None:
        self._pipe = pipe
        self._rate = rate
        self._counting_pipe: _CountingPipe | None = None
        self._container: InputContainer | None = None

    def probe(self) -> ClipInfo:
        """See `probe.probe`; the duration is unknown. Raises InputError unless the pipe holds YUV4MPEG2."""
        self._counting_pipe = _CountingPipe(self._pipe or _standard_input())
        try:
            self._container = av.open(self._counting_pipe, "r", format=_Y4M, options=dict(SIZE_LIMIT))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise InputError(
                "holds no YUV4MPEG2 video", path=self.path, remedy="ffmpeg writes it with -f yuv4mpegpipe"
            ) from error
        info = examine(self._container, self.path, live=True)
        return info if self._rate is None else at_rate(info, self._rate)

    def decode(self, info: ClipInfo, start: Fraction | None = None, stop: Fraction | None = None) -> Decoder:
        """See `decode.decode`. Frames before `start` are read and dropped."""
        refuse_interlaced(info)
        assert self._container is not None, "probe it first"
        assert self._counting_pipe is not None
        return Decoder(info, _PipeReader(info, self._container, self._counting_pipe), start, stop)


class _CountingPipe:
    """Reads a pipe and counts its bytes. It has no `seek`."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._head = b""
        self._count = 0
        self._ended = False

    def end(self) -> None:
        """Make all reads return the end of the file, also a read that waits now. The pipe may stay open."""
        self._ended = True

    def read(self, size: int) -> bytes:
        with suppress(OSError):  # not all files support select()
            while not self._ended and not select([self._pipe], (), (), _POLL_INTERVAL)[0]:
                pass
        data = b"" if self._ended else self._pipe.read(size)
        self._count += len(data)
        if len(self._head) < _HEAD_BYTES:
            self._head += data
        return data

    def ends_within(self, frame_size: int) -> bool:
        """Whether the data ended within a frame. `frame_size`: bytes of a frame without its header."""
        header, _, rest = self._head.partition(b"\n")
        # The format allows parameters in a frame header, but no known program writes them.
        return rest.startswith(_FRAME_MARK) and (self._count - len(header) - 1) % (len(_FRAME_MARK) + frame_size) > 0


class _PipeReader(StreamReader):
    """A `StreamReader` that counts an incomplete last frame as damaged. FFmpeg takes such a frame as the end."""

    def __init__(self, info: ClipInfo, container: InputContainer, pipe: _CountingPipe) -> None:
        super().__init__(info, closing(container))
        self._counting_pipe = pipe

    def interrupt(self) -> None:
        self._counting_pipe.end()

    def frames(self) -> Iterator[StampedFrame]:
        yield from super().frames()
        stored = av.VideoFormat(self._info.pix_fmt, self._info.width, self._info.height)
        planes = stored.components  # in every format of YUV4MPEG2, each component has a plane
        samples = sum(plane.width * plane.height for plane in planes)
        sample_bytes = 2 if planes[0].bits > 8 else 1
        self.damaged += self._counting_pipe.ends_within(samples * sample_bytes)


def _standard_input() -> BinaryIO:
    if sys.stdin is None or sys.stdin.closed:
        raise InputError("is closed", path=PipeInput.path)
    if sys.stdin.isatty():
        raise InputError("is a terminal", path=PipeInput.path, remedy="pipe YUV4MPEG2 video into it")
    return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # Python closes it with the object that holds it
