"""Planar frames into a video file."""

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
    """Writes frames, in order of time, and copies the other streams of their clip beside them.

    Args and errors: see `Muxer`.
    """

    def __init__(
        self, temp_path: Path, plan: EncodePlan, streams: StreamCopy | None = None, *, muxer: type[Muxer] = Muxer
    ) -> None:
        self.plan = plan
        self._temp_path = temp_path
        self.frames = 0  # written so far
        self._tick = -1  # of the last frame
        self._start = self._end = 0  # ticks
        self._longest = 1 / plan.rate  # duration of a frame
        self._muxer = muxer(temp_path, plan, streams)

    def write(self, frame: VideoFrame) -> None:
        """Append a frame of the planned format; times must increase by a tick of the plan or more."""
        plan = self.plan
        if frame.format != plan.format or (frame.width, frame.height) != (plan.width, plan.height):
            raise ValueError(f"got {frame!r}, expected {plan.width}x{plan.height} {plan.format.pix_fmt}")
        tick = plan.tick(frame.pts)
        if self.frames and tick <= self._tick:
            raise ValueError(f"frame times must increase: got {frame.pts} s after tick {self._tick}")
        if not self.frames:
            self._start = tick
        self._tick = tick
        self._end = max(tick + 1, plan.tick(frame.pts + frame.duration))
        self._longest = max(self._longest, frame.duration)
        picture = self._picture(frame)
        picture.pts, picture.duration, picture.time_base = tick, self._end - tick, plan.time_base
        picture.pict_type = 0  # the encoder's choice
        self._encode(picture)
        self.frames += 1

    def _picture(self, frame: VideoFrame) -> av.VideoFrame:
        wire = self._muxer.video.codec_context.pix_fmt
        assert wire is not None
        return to_av_frame(frame, wire)

    def _encode(self, picture: av.VideoFrame | None) -> None:
        """Write what the encoder makes of `picture`; of None, what it still holds."""
        try:
            packets = self._muxer.video.encode(picture)
        except (av.FFmpegError, OSError) as error:
            raise cannot_write(self.plan.target, error) from error
        for number, packet in enumerate(packets, 1):
            if self.plan.codec == "libx265" and self.frames < 3:
                packet.dts = packet.pts  # x265 4.2 leaves it unset where all pictures fit into its delay
            last = picture is None and number == len(packets)
            self._muxer.write(packet, lasting=self._end - self._start if last else None)

    def close(self) -> None:
        """Write what is still on its way and finish the file."""
        self._encode(None)
        self._muxer.close()

    def abort(self) -> None:
        """Release the file, whatever becomes of it."""
        self._muxer.abort()

    @property
    def extent(self) -> Extent:
        """What was written so far."""
        return Extent(self.frames, self._start, self._end - self._start, self._longest)

    @property
    def extradata(self) -> bytes | None:
        """What a decoder needs to know before the first packet, in the encoder's form."""
        return self._muxer.video.codec_context.extradata

    def verify(self) -> None:
        """Reopen the closed file and count frames, seconds, streams. Raises OutputError if they are not all there."""
        self._muxer.verify(self.extent)
