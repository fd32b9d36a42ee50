"""Encodes frames into a video file."""

from __future__ import annotations

from pathlib import Path

import av

from vfi_cli.errors import cannot_write
from vfi_cli.video.av_frame import to_av_frame
from vfi_cli.video.streams.stream_copy import StreamCopy
from vfi_cli.video.types import VideoFrame
from vfi_cli.video.write.encode_plan import EncodePlan
from vfi_cli.video.write.mux import Extent, Muxer
from vfi_cli.video.write.writer import AbortableWriter


class Encoder(AbortableWriter):
    """Encodes frames, given in order of time, and copies the other streams of their clip.

    See `Muxer` for the arguments and the errors.
    """

    def __init__(
        self, temp_path: Path, plan: EncodePlan, streams: StreamCopy | None = None, *, muxer: type[Muxer] = Muxer
    ) -> None:
        self.plan = plan
        self._temp_path = temp_path
        self.frames = 0  # number of frames written so far
        self._last_tick = -1  # tick of the last frame
        self._start = self._end = 0  # ticks at which the first frame begins and the last one ends
        self._longest = 1 / plan.rate  # seconds; duration of the longest frame
        self._muxer = muxer(temp_path, plan, streams)

    def write(self, frame: VideoFrame) -> None:
        """Append a frame. Raises ValueError if its format is not as planned, or it is not at least a tick later."""
        plan = self.plan
        if frame.format != plan.format or (frame.width, frame.height) != (plan.width, plan.height):
            raise ValueError(f"got {frame!r}, expected {plan.width}x{plan.height} {plan.format.pix_fmt}")
        tick = plan.tick(frame.pts)
        if self.frames and tick <= self._last_tick:
            raise ValueError(f"frame times must increase: got {frame.pts} s after tick {self._last_tick}")
        if not self.frames:
            self._start = tick
        self._last_tick = tick
        self._end = max(tick + 1, plan.tick(frame.pts + frame.duration))
        self._longest = max(self._longest, frame.duration)
        av_frame = self._to_av_frame(frame)
        av_frame.pts, av_frame.duration, av_frame.time_base = tick, self._end - tick, plan.time_base
        av_frame.pict_type = 0  # the encoder chooses I, P or B
        self._encode(av_frame)
        self.frames += 1

    def _to_av_frame(self, frame: VideoFrame) -> av.VideoFrame:
        pix_fmt = self._muxer.video.codec_context.pix_fmt
        assert pix_fmt is not None
        return to_av_frame(frame, pix_fmt)

    def _encode(self, av_frame: av.VideoFrame | None) -> None:
        """Encode a frame and write the packets that are complete; None: all remaining packets."""
        try:
            packets = self._muxer.video.encode(av_frame)
        except (av.FFmpegError, OSError) as error:
            raise cannot_write(self.plan.target, error) from error
        for number, packet in enumerate(packets, 1):
            if self.plan.codec == "libx265" and self.frames < 3:
                packet.dts = packet.pts  # x265 4.2 sets no dts if all frames fit into its delay
            last = av_frame is None and number == len(packets)
            self._muxer.write(packet, total_ticks=self._end - self._start if last else None)

    def close(self) -> None:
        """Write the remaining packets and finish the file."""
        self._encode(None)
        self._muxer.close()

    def abort(self) -> None:
        """Close the file, which may be left unfinished."""
        self._muxer.abort()

    @property
    def extent(self) -> Extent:
        """Number, times and durations of the frames written so far."""
        return Extent(self.frames, self._start, self._end - self._start, self._longest)

    @property
    def extradata(self) -> bytes | None:
        """The data that a decoder needs before the first packet, in the form that the encoder uses."""
        return self._muxer.video.codec_context.extradata

    def verify(self) -> None:
        """Reopen the closed file and check frames, duration and streams. Raises OutputError if any are missing."""
        self._muxer.verify(self.extent)
