"""Decodes the video stream of a container into frames in presentation order; times and colours stay as stored."""

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

_MAX_LISTED = 3  # changes of the aspect ratio that a note lists

StampedFrame = tuple[av.VideoFrame, int | None]
"""A frame, and its time in ticks of the clip (None if unknown)."""


class Reader(Protocol):
    """Yields the frames of a source to a `Decoder`.

    Attributes:
        damaged: number of frames so far that are lost, or were decoded from damaged data.
        count: number of frames so far.
        unstamped: number of frames so far without a timestamp, if the source should have timestamps.
    """

    damaged: int
    count: int
    unstamped: int

    @property
    def notes(self) -> list[str]:
        """Sentences that tell the user what is unusual; complete after the last frame."""

    def frames(self) -> Iterator[StampedFrame]:
        """Every frame, once. Raises InputError if the size or the pixel format changes."""

    def interrupt(self) -> None:
        """Make another thread stop waiting for the next frame."""

    def close(self) -> None:
        """Release all resources. Python can hang at exit if codec threads still run."""


class StreamReader:
    """Reads the video stream of a container.

    Args:
        info: describes the file of `container`.
        container: the reader closes it.
        start: seek to the latest point from which all frames at or after `start` can be decoded, in seconds on the
            clock of the file. If there is no such point, or no seek is possible, start at the first frame.

    Raises InputError if the container has no stream `info.index`.
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
        # AVI stores only decoding times, so the presentation times of reordered frames are unknown.
        self._by_dts = info.container == "avi" and stream.codec_context.has_b_frames
        self._delay: int | None = None  # ticks from the decoding time to the presentation time, if `_by_dts`
        self._last_frame: av.VideoFrame | None = None
        self._repeat_ticks: deque[int] = deque()  # ticks at which the frame before is shown again
        self._aspect = _AspectMonitor(stream.codec_context.sample_aspect_ratio, info)
        # No seek without timestamps, because frames are then counted from the start. Few frames of MPEG-PS have a
        # timestamp, so times after a seek would be guesses.
        exact = stream.start_time is not None and info.container != "mpeg" and not self._by_dts
        exact = exact and info.offsets.seekable
        if start is not None and exact and not info.retimed:  # retimed frames are counted from the first
            self._seek(start)

    @property
    def notes(self) -> list[str]:
        return self._aspect.notes

    def interrupt(self) -> None:
        pass  # reading a file does not block

    def close(self) -> None:
        self._resources.close()

    def _seek(self, start: Fraction) -> None:
        """Seek to where decoding yields every frame from `start` on.

        A seek in MPEG-TS does not end at a key frame, so the first frame after it can be later than `start`. The method
        then seeks again, to 1, 2, 4, ... seconds before `start`.
        """
        info, margin = self._info, Fraction(0)  # seconds
        while start - margin > info.start - 1:
            self._seek_once(start - margin)
            first = next((frame.pts for frame, _ in self.frames() if frame.pts is not None), None)
            if first is not None and first * info.time_base <= start:
                break
            margin = max(Fraction(1), 2 * margin)
        self._seek_once(start - margin)
        self.damaged = self.count = self.unstamped = 0
        self._aspect.reset()

    def _seek_once(self, time: Fraction) -> None:
        self._info.offsets.seek(self._container, time, self._stream)
        if self._codec.is_open:
            self._codec.flush_buffers()
        self._last_frame = None
        self._repeat_ticks.clear()

    def _corrected_packets(self) -> Iterator[Packet[VideoStream]]:
        """The packets on the corrected clock, up to the first that cannot be read."""
        try:
            yield from self._corrector.correct(self._container.demux([self._stream]))
        except av.FFmpegError:
            self.damaged += 1

    def frames(self) -> Iterator[StampedFrame]:
        for packet, following in pairwise(chain(self._corrected_packets(), (None,))):
            assert packet is not None
            if not packet.size and packet.dts is not None:  # Theora: the frame before is shown again
                self._repeat_ticks.append(packet.dts)
                continue
            if packet.is_corrupt and following is not None and not following.size:
                # The file ends within this packet. If decoding fails, FFmpeg also loses the frames that other threads
                # still decode.
                self.damaged += 1
                continue
            try:
                frames = self._codec.decode(packet if packet.size else None)
            except av.FFmpegError:
                self.damaged += 1
                continue
            for frame in frames:
                yield from self._repeats_until(frame.pts)
                refuse_change(frame, self._info, f"at frame {self.count}")
                ticks = self._ticks(frame)
                self.damaged += frame.is_corrupt
                self.count += 1
                self.unstamped += ticks is None and not self._by_dts
                self._aspect.update(self._codec.sample_aspect_ratio, self._time(ticks))
                self._last_frame = frame
                yield frame, ticks
        yield from self._repeats_until(None)

    def _repeats_until(self, until: int | None) -> Iterator[StampedFrame]:
        """The last frame, at each time before `until` at which it is shown again."""
        while self._last_frame is not None and self._repeat_ticks and (until is None or self._repeat_ticks[0] < until):
            ticks = self._repeat_ticks.popleft()
            yield self._last_frame, retimed(self._last_frame, self.count, self._info) if self._info.retimed else ticks
            self.count += 1

    def _time(self, ticks: int | None) -> Fraction:
        """The approximate time in seconds after the first frame."""
        if ticks is None:
            return (self.count - 1) / self._info.average_rate
        return ticks * self._info.time_base - self._info.start

    def _ticks(self, frame: av.VideoFrame) -> int | None:
        """The time of a frame in ticks; None if the file does not state it."""
        info = self._info
        if info.retimed:
            return retimed(frame, self.count, info)
        if not self._by_dts:
            return frame.pts
        if frame.dts is None:  # a frame that the decoder returns after the last packet
            return None
        if self._delay is None:
            self._delay = frame.dts - round(self._info.start / self._info.time_base)
        return frame.dts - self._delay


class _AspectMonitor:
    """Notes changes of the sample aspect ratio within the clip, because the output can have only one.

    The codec states the ratio. If the container states another one, players use that of the container, and changes do
    not matter.
    """

    def __init__(self, sar: Fraction | None, info: ClipInfo) -> None:
        self._first = self._last = sar or Fraction(1)
        self._is_stated_by_codec = self._first == info.sar
        self._changes: list[str] = []

    def update(self, sar: Fraction | None, time: Fraction) -> None:
        """Note the ratio at `time`; None: the codec does not state it, so the last one stays."""
        if sar and sar != self._last:
            self._changes.append(f"{_ratio(sar)} from {float(time):.2f} s on")
            self._last = sar

    def reset(self) -> None:
        """Forget the changes so far."""
        self._last, self._changes = self._first, []

    @property
    def notes(self) -> list[str]:
        if not self._changes or not self._is_stated_by_codec:
            return []
        named, more = self._changes[:_MAX_LISTED], len(self._changes) - _MAX_LISTED
        changes = ", ".join(named) + (f" and {more} more changes" if more > 0 else "")
        first = _ratio(self._first)
        return [
            f"the aspect ratio of the samples changes: {first}, but {changes}; it stays {first} in the output, so the "
            "changed part looks squeezed or stretched: cut the clip there"
        ]


def _ratio(sar: Fraction) -> str:
    return f"{sar.numerator}:{sar.denominator}"


def _decoder(stream: VideoStream, info: ClipInfo) -> VideoCodecContext:
    """The decoder of `stream`: its own one, or another one if only that can decode the alpha of the clip."""
    other = alpha_decoder(info.codec) if info.format.alpha else None
    codec = stream.codec_context if other is None else CodecContext.create(other, "r")
    assert isinstance(codec, VideoCodecContext)
    codec.flags |= Flags.unaligned  # without it, FFmpeg does not crop the left columns that the stream hides
    codec.thread_type = "AUTO"  # frame threads are several times faster than slice threads
    codec.thread_count = available_cpus()
    return codec


def refuse_change(frame: av.VideoFrame, info: ClipInfo, where: str) -> None:
    """Raises InputError if size or pixel format differ from the clip, FieldsError if fields cannot be read."""
    if frame.interlaced_frame and not info.takes_fields:
        raise FieldsError(f"the video changes to interlaced {where}", path=info.path)
    if (frame.width, frame.height) != (info.width, info.height):
        change = f"size {where}: {info.width}x{info.height} to {frame.width}x{frame.height}"
    elif frame.format.name != info.pix_fmt:
        change = f"pixel format {where}: {info.pix_fmt} to {frame.format.name}"
    else:
        return
    raise InputError(f"the video changes {change}", path=info.path, remedy="cut the clip there")
