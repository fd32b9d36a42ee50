"""Decoded pictures in the order they are shown, before anything is made of their times and colours."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from fractions import Fraction
from itertools import chain, pairwise
from typing import Protocol

import av
from av.codec.context import CodecContext, Flags
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from vfi_cli.cpus import available_cpus
from vfi_cli.errors import FieldsError, InputError
from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.demux.joined_input import JoinedInput
from vfi_cli.video.properties.pixels import alpha_decoder
from vfi_cli.video.read.retime import retimed
from vfi_cli.video.timestamps.offsets import Corrector

_NAMED = 3  # changes of the aspect that a note lists

Stamped = tuple[av.VideoFrame, int | None]
"""A picture, and its time in ticks of the clip if that is known."""


class Reader(Protocol):
    """Where a `Decoder` has its pictures from.

    Attributes:
        damaged: pictures so far that are lost, or were decoded from damaged data.
        count: pictures so far.
        unstamped: those that should have a time and have none.
    """

    damaged: int
    count: int
    unstamped: int

    @property
    def notes(self) -> list[str]:
        """One sentence each for what the user should know; complete after the last picture."""

    def pictures(self) -> Iterator[Stamped]:
        """Every picture, once. Raises InputError when size or format change."""

    def interrupt(self) -> None:
        """End a wait for more, in another thread."""

    def close(self) -> None:
        """Release everything. Codec threads that outlive it can hang the interpreter's exit."""


class StreamReader:
    """Reads the video stream of a container.

    Args:
        info: what `container` holds.
        container: closed together with the reader.
        start: begin at the last place from which on every picture can be decoded that is shown at or after `start`,
            in seconds on the clock of the file; where there is no such place, at the first picture.

    Raises InputError if the stream is not there.
    """

    def __init__(
        self,
        info: ClipInfo,
        container: AbstractContextManager[InputContainer | JoinedInput],
        start: Fraction | None = None,
    ) -> None:
        self.damaged = self.count = self.unstamped = 0
        self._info = info
        self._resources = ExitStack()
        self._container = self._resources.enter_context(container)
        if info.index >= len(self._container.streams):
            self.close()
            raise InputError("the file has changed since it was probed", path=info.path)
        stream = self._container.streams[info.index]
        assert isinstance(stream, VideoStream)
        self._stream = stream
        self._codec = _decoder(stream, info)
        self._corrector = Corrector(info.offsets)
        # AVI knows no times of reordered frames, only the order of decoding.
        self._by_dts = info.container == "avi" and stream.codec_context.has_b_frames
        self._delay: int | None = None  # ticks that decoding is ahead, in that case
        self._shown: av.VideoFrame | None = None
        self._repeats: deque[int] = deque()  # ticks at which the picture before is shown again
        self._shape = _Shape(stream.codec_context.sample_aspect_ratio, info)
        # Without timestamps, count from the start. MPEG-PS stamps few of its frames: after a seek, times are guesses.
        exact = stream.start_time is not None and info.container != "mpeg" and not self._by_dts
        exact = exact and info.offsets.seekable
        if start is not None and exact and not info.retimed:  # retimed frames are counted from the first
            self._seek(start)

    @property
    def notes(self) -> list[str]:
        return self._shape.notes

    def interrupt(self) -> None:
        pass  # a file never lets anyone wait

    def close(self) -> None:
        self._resources.close()

    def _seek(self, start: Fraction) -> None:
        """To where decoding gives every frame from `start` on. MPEG-TS does not seek to key frames: the first picture
        after the seek can be too late, and then the way back is doubled."""
        info, back = self._info, Fraction(0)
        while start - back > info.start - 1:
            self._jump(start - back)
            first = next((frame.pts for frame, _ in self.pictures() if frame.pts is not None), None)
            if first is not None and first * info.time_base <= start:
                break
            back = max(Fraction(1), 2 * back)
        self._jump(start - back)
        self.damaged = self.count = self.unstamped = 0
        self._shape.forget()

    def _jump(self, time: Fraction) -> None:
        self._info.offsets.seek(self._container, time, self._stream)
        if self._codec.is_open:
            self._codec.flush_buffers()
        self._shown = None
        self._repeats.clear()

    def _readable(self) -> Iterator[Packet[VideoStream]]:
        try:
            yield from self._corrector.correct(self._container.demux([self._stream]))
        except av.FFmpegError:
            self.damaged += 1

    def pictures(self) -> Iterator[Stamped]:
        for packet, following in pairwise(chain(self._readable(), (None,))):
            assert packet is not None
            if not packet.size and packet.dts is not None:  # Theora: the picture before is shown again
                self._repeats.append(packet.dts)
                continue
            if packet.is_corrupt and following is not None and not following.size:
                # The file ends within this packet. Decoding it would fail, and such a failure takes along the
                # frames that other threads are still working on.
                self.damaged += 1
                continue
            try:
                frames = self._codec.decode(packet if packet.size else None)
            except av.FFmpegError:
                self.damaged += 1
                continue
            for frame in frames:
                yield from self._repeated(frame.pts)
                refuse_change(frame, self._info, f"at frame {self.count}")
                ticks = self._ticks(frame)
                self.damaged += frame.is_corrupt
                self.count += 1
                self.unstamped += ticks is None and not self._by_dts
                self._shape.see(self._codec.sample_aspect_ratio, self._time(ticks))
                self._shown = frame
                yield frame, ticks
        yield from self._repeated(None)

    def _repeated(self, until: int | None) -> Iterator[Stamped]:
        """The last picture, at each time before `until` at which it is shown again."""
        while self._shown is not None and self._repeats and (until is None or self._repeats[0] < until):
            ticks = self._repeats.popleft()
            yield self._shown, retimed(self._shown, self.count, self._info) if self._info.retimed else ticks
            self.count += 1

    def _time(self, ticks: int | None) -> Fraction:
        """Approximate seconds after the first frame."""
        if ticks is None:
            return (self.count - 1) / self._info.average_rate
        return ticks * self._info.time_base - self._info.start

    def _ticks(self, frame: av.VideoFrame) -> int | None:
        """The time of a frame, if the file tells."""
        info = self._info
        if info.retimed:
            return retimed(frame, self.count, info)
        if not self._by_dts:
            return frame.pts
        if frame.dts is None:  # the last ones, which come out when no packet goes in any more
            return None
        if self._delay is None:
            self._delay = frame.dts - round(self._info.start / self._info.time_base)
        return frame.dts - self._delay


class _Shape:
    """The aspect of the samples as the codec states it, which can change within the clip; the output has only one.

    If the container states another aspect, players use that one.
    """

    def __init__(self, sar: Fraction | None, info: ClipInfo) -> None:
        self._first = self._last = sar or Fraction(1)
        self._counts = self._first == info.sar
        self._changes: list[str] = []

    def see(self, sar: Fraction | None, time: Fraction) -> None:
        """Note the aspect at `time`; None: it is not stated, so the last one stays."""
        if sar and sar != self._last:
            self._changes.append(f"{_ratio(sar)} from {float(time):.2f} s on")
            self._last = sar

    def forget(self) -> None:
        """Forget the changes so far."""
        self._last, self._changes = self._first, []

    @property
    def notes(self) -> list[str]:
        if not self._changes or not self._counts:
            return []
        named, more = self._changes[:_NAMED], len(self._changes) - _NAMED
        changes = ", ".join(named) + (f" and {more} more changes" if more > 0 else "")
        first = _ratio(self._first)
        return [
            f"the aspect ratio of the samples changes: {first}, but {changes}; it stays {first} in the output, so the "
            "changed part looks squeezed or stretched: cut the clip there"
        ]


def _ratio(sar: Fraction) -> str:
    return f"{sar.numerator}:{sar.denominator}"


def _decoder(stream: VideoStream, info: ClipInfo) -> VideoCodecContext:
    """What decodes `stream`: its own decoder, unless that does not see the alpha there is."""
    other = alpha_decoder(info.codec) if info.format.alpha else None
    codec = stream.codec_context if other is None else CodecContext.create(other, "r")
    assert isinstance(codec, VideoCodecContext)
    codec.flags |= Flags.unaligned  # else FFmpeg leaves columns on the left that the stream says are not to be shown
    codec.thread_type = "AUTO"  # frame threads: several times faster than slices
    codec.thread_count = available_cpus()
    return codec


def refuse_change(frame: av.VideoFrame, info: ClipInfo, where: str) -> None:
    """Raises InputError unless the picture matches the clip; FieldsError if no option says how to read its fields."""
    if frame.interlaced_frame and not info.takes_fields:
        raise FieldsError(f"the picture changes to interlaced {where}", path=info.path)
    if (frame.width, frame.height) != (info.width, info.height):
        change = f"size {where}: {info.width}x{info.height} to {frame.width}x{frame.height}"
    elif frame.format.name != info.pix_fmt:
        change = f"pixel format {where}: {info.pix_fmt} to {frame.format.name}"
    else:
        return
    raise InputError(f"the picture changes {change}", path=info.path, remedy="cut the clip there")
