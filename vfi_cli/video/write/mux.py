"""Writes a video file: the packets of the encoded video, and the streams that are copied from the clip.

`Muxer` reports all errors of a plan when it opens the file, before the first frame: an unknown codec or option, a
pixel format that the codec does not take, a stream that the container cannot hold.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags
from av.packet import Packet
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from vfi_cli.cpus import available_cpus
from vfi_cli.errors import InputError, OutputError, UsageError, cannot_write
from vfi_cli.video.container import matroska_header, mp4_header
from vfi_cli.video.demux.open_input import open_input
from vfi_cli.video.formats import MKV, OutputFormat, OutputKind
from vfi_cli.video.properties.preserved import Properties, read_properties
from vfi_cli.video.streams.stream_copy import StreamCopy
from vfi_cli.video.streams.stream_plan import suggest_dropping
from vfi_cli.video.types import RGB_MATRIX
from vfi_cli.video.write.codecs import encoder_pix_fmt, find_encoder
from vfi_cli.video.write.encode_plan import EncodePlan, fine_time_scale
from vfi_cli.video.write.writer import AbortableWriter


@dataclass(frozen=True, slots=True)
class Extent:
    """What was written: `frames` from tick `start` on, for `ticks` ticks; no frame is longer than `longest` seconds."""

    frames: int
    start: int
    ticks: int
    longest: Fraction


class Muxer(AbortableWriter):
    """A video file that is being written. The stream `video` has the encoder; other streams of the clip are copied.

    Args:
        temp_path: the file to write; an existing one is truncated. The caller removes it after an error.
        plan: format, encoder and properties of the file.
        streams: the streams to copy; they are closed together with the file.
        extradata: extradata of the segments that the packets come from; replaces that of the encoder, if it has any.

    Raises:
        UsageError: the encoder does not have an option of the plan.
        OutputError: encoder or container refuse the plan, such as the value of an option; the file cannot be written.
    """

    def __init__(
        self, temp_path: Path, plan: EncodePlan, streams: StreamCopy | None = None, *, extradata: bytes | None = None
    ) -> None:
        self.plan = plan
        self._temp_path = temp_path
        self._streams = streams
        self._first_dts: int | None = None
        self._container = av.open(
            os.path.abspath(temp_path),  # noqa: PTH100  # an absolute path cannot be mistaken for a URL
            "w",
            format=plan.output.muxer,
            container_options=_muxer_options(plan),
        )
        try:
            self.video = self._add_video()
            context = self.video.codec_context
            if extradata is not None and context.extradata is not None:
                context.extradata = extradata
            if streams is not None:
                streams.attach(self._container, plan.output, plan.target)
            self._write_header()
        except BaseException:
            self.abort()
            raise

    def _add_video(self) -> VideoStream:
        plan = self.plan
        pix_fmt = encoder_pix_fmt(find_encoder(plan.codec), plan.format.pix_fmt) or plan.format.pix_fmt
        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 writes to stderr itself; 1: only errors
        try:
            stream = self._container.add_stream(
                plan.codec, rate=plan.rate.limit_denominator(1_000_000), options=_encoder_options(plan)
            )
        except ValueError as error:
            raise OutputError(
                f"a {plan.output.muxer} file cannot hold {plan.codec} video",
                path=self.plan.target,
                remedy=", or ".join(["choose another codec with -c:v", *_suggest_container(plan)]),
            ) from error
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = plan.width, plan.height, pix_fmt
        stream.sample_aspect_ratio = plan.sar
        if plan.rotation or plan.mirrored:
            stream.set_display_rotation(plan.rotation, hflip=plan.mirrored)
        context = stream.codec_context
        context.time_base = plan.time_base
        context.thread_count = available_cpus()
        context.flags |= Flags.frame_duration  # else the last frame of a variable frame rate is too short
        rgb = plan.format.kind == "rgb"
        context.colorspace = RGB_MATRIX if rgb else plan.color.matrix_code
        context.color_primaries = plan.color.primaries
        context.color_trc = plan.color.transfer
        context.color_range = ColorRange.JPEG if rgb or plan.color.full_range else ColorRange.MPEG
        if (tag := codec_tag(plan.output, plan.codec)) is not None:
            context.codec_tag = tag
        try:
            context.open()
        except (av.FFmpegError, ValueError, OSError) as error:
            raise OutputError(
                f"{plan.codec} refuses {plan.width}x{plan.height} {pix_fmt} with {_join_options(plan.options)}",
                path=self.plan.target,
                remedy="check -c:v and the encoder options",
            ) from error
        if context.options:  # FFmpeg leaves those that the encoder does not know
            raise UsageError(f"{plan.codec} has no option {', '.join(context.options)}", remedy="check -e key=value")
        return stream

    def _write_header(self) -> None:
        container, plan = self._container, self.plan
        plan.tags.put(container, plan.output, self.video)
        if self._header_bytes:
            title = self.video.metadata.get("title", "")
            reserve = mp4_header.roomy if plan.output.is_mp4 else matroska_header.roomy
            self.video.metadata["title"] = reserve(title, self._header_bytes)  # padded: `_finish` needs the room
        try:
            container.start_encoding()
        except (av.FFmpegError, ValueError, OSError) as error:
            raise OutputError(
                f"a {plan.output.muxer} file cannot be started with these streams: {_reason(error)}",
                path=self.plan.target,
                remedy=suggest_dropping(self._streams.kinds) if self._streams is not None else "",
            ) from error

    @property
    def _header_bytes(self) -> bytes:
        """Header bytes that PyAV cannot make the muxer write: marks, and in Matroska the aspect ratio."""
        plan = self.plan
        if plan.output.is_mp4:
            return plan.marks.boxes
        if not plan.output.is_matroska:
            return b""
        aspect = matroska_header.aspect(plan.width, plan.height, plan.sar) if plan.sar != 1 else b""
        # For a turned video, the muxer has already written a projection.
        return aspect + (b"" if plan.rotation or plan.mirrored else plan.marks.elements)

    def write(self, packet: Packet[VideoStream], *, total_ticks: int | None = None) -> None:
        """Append a video packet, and before it the packets of copied streams up to its time.

        total_ticks: only with the last packet: duration of the whole video. MP4 computes the end of the track from this
        packet, but in decoding order the last packet need not hold the last frame.
        """
        if packet.dts is not None:
            if self._first_dts is None:
                self._first_dts = packet.dts
            if total_ticks is not None and self.plan.output.is_mp4:
                packet.duration = max(1, total_ticks - (packet.dts - self._first_dts))
        try:
            if self._streams is not None and packet.dts is not None:
                # Keep in step with the video: the muxer holds packets in memory until it can interleave them.
                self._streams.copy(self._container, until=packet.dts * packet.time_base)
            self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise self._write_error(error) from error

    def _write_error(self, error: Exception) -> OutputError:
        """The error to raise. Its remedy names all copied streams, because the muxer does not say which one failed."""
        failed = cannot_write(self.plan.target, error)
        if self._streams is not None and not failed.remedy:
            failed.remedy = suggest_dropping(self._streams.kinds)
        return failed

    def close(self) -> None:
        """Write the remaining packets of copied streams and finish the file."""
        try:
            if self._streams is not None:
                self._streams.copy(self._container)
            self._finish()
        except (av.FFmpegError, OSError) as error:
            raise self._write_error(error) from error
        finally:
            if self._streams is not None:
                self._streams.close()

    def _finish(self) -> None:
        self._container.close()
        if self._header_bytes:
            insert = mp4_header.insert if self.plan.output.is_mp4 else matroska_header.insert
            insert(self._temp_path, self._header_bytes)

    def encode_trial_frame(self) -> Properties:
        """Finish the file with a single frame and no copied streams. Returns the properties that the file states."""
        av_frame = av.VideoFrame(self.plan.width, self.plan.height, self.video.pix_fmt or "")
        for plane in av_frame.planes:
            np.frombuffer(memoryview(plane), np.uint8)[:] = 0
        av_frame.pts, av_frame.duration, av_frame.time_base = 0, 1, self.plan.time_base
        for packet in (*self.video.encode(av_frame), *self.video.encode(None)):
            packet.dts = packet.pts
            self._container.mux(packet)
        self._finish()
        with open_input(self._temp_path) as container:
            video = container.streams.video[0]
            return read_properties(video, next(container.decode(video), None))

    def abort(self) -> None:
        """Close the file, which may be left unfinished."""
        with suppress(OSError):
            os.truncate(self._temp_path, 0)  # `close` always finishes the file, which is quick if it is empty
        with suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()
        if self._streams is not None:
            self._streams.close()

    def verify(self, written: Extent) -> None:
        """Reopen the closed file and check frames, duration and streams. Raises OutputError if any are missing."""
        plan = self.plan
        frames, begin, end = 0, None, Fraction(0)
        try:
            with open_input(self._temp_path) as container:
                streams: Counter[str] = Counter(stream.type for stream in container.streams)
                video = container.streams.video[0]
                for packet in container.demux(video):
                    if packet.size and packet.pts is not None:
                        frames += 1
                        time = packet.pts * packet.time_base
                        begin = time if begin is None else min(begin, time)
                        end = max(end, time + (packet.duration or 0) * packet.time_base)
                # Matroska states the end of a stream, other containers state its duration.
                if not plan.output.is_matroska and video.duration and video.time_base:
                    begin, end = Fraction(0), video.duration * video.time_base
        except (InputError, av.FFmpegError, IndexError) as error:
            raise OutputError(f"cannot be read back: {_reason(error)}", path=self.plan.target) from error
        duration, expected = end - (begin or 0), written.ticks * plan.time_base
        # Matroska rounds times to milliseconds, and states only the duration of a typical frame.
        if frames != written.frames or abs(duration - expected) > written.longest + Fraction(1, 500):
            raise OutputError(
                f"is not what was written: {frames} of {written.frames} frames, {float(duration):.3f} of "
                f"{float(expected):.3f} s",
                path=self.plan.target,
            )
        copied = self._streams.counts if self._streams else Counter()
        # A muxer may add a stream of its own for the names of chapters.
        if missing := copied + Counter(video=1) - streams:
            names = ", ".join(f"{count} {kind}" for kind, count in missing.items())
            raise OutputError(
                f"is not what was written: these other streams cannot be read back: {names}",
                path=self.plan.target,
                remedy=suggest_dropping(missing),
            )


def _suggest_container(plan: EncodePlan) -> Iterator[str]:
    """Yields a remedy if another container takes the codec of the video."""
    if plan.output is not MKV:
        with av.open(io.BytesIO(), "w", format=MKV.muxer) as other, suppress(ValueError):
            other.add_stream(plan.codec)
            yield "write an .mkv file"


def codec_tag(output: OutputFormat, codec: str) -> str | None:
    """The codec tag to write for the encoder `codec`; None: FFmpeg chooses it."""
    # FFmpeg would choose hev1, which QuickTime refuses.
    return "hvc1" if output.is_mp4 and find_encoder(codec).canonical_name == "hevc" else None


def _encoder_options(plan: EncodePlan) -> dict[str, str]:
    """The options of the encoder, with the chroma siting if it is known."""
    return {"chroma_sample_location": plan.siting, **plan.options} if plan.siting else dict(plan.options)


def _muxer_options(plan: EncodePlan) -> dict[str, str]:
    """The options of the muxer."""
    if plan.output.kind is OutputKind.ANIMATION:
        return {"loop": "0"}  # forever
    if not plan.output.is_mp4:
        return {}
    flags = "+faststart+use_metadata_tags" if plan.tags.free_tags else "+faststart"
    # The movie time scale is the unit of track offsets and durations; FFmpeg's default is 1 ms.
    return {"movflags": flags, "movie_timescale": str(fine_time_scale(plan.time_base.denominator))}


def _join_options(options: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in options.items()) or "its defaults"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
