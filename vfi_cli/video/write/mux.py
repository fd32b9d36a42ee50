"""Packets into a file: the picture, and beside it what is copied from the clip.

Everything that can be refused is refused while the file is opened, before the first frame: a codec or a quality
that does not exist, a format the codec does not take, a stream the container cannot hold.
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
from vfi_cli.video.streams.stream_plan import without
from vfi_cli.video.types import RGB_MATRIX
from vfi_cli.video.write.codecs import find_encoder, wire_format
from vfi_cli.video.write.encode_plan import EncodePlan, fine_tick
from vfi_cli.video.write.writer import AbortableWriter


@dataclass(frozen=True, slots=True)
class Extent:
    """What was written: frames that begin at the tick `start` and last `ticks`, `longest` seconds each at most."""

    frames: int
    start: int
    ticks: int
    longest: Fraction


class Muxer(AbortableWriter):
    """A file with one stream of pictures, which `video` encodes, and the other streams of the clip.

    Args:
        part: the file to write; an existing one is truncated. It is left to the caller to remove.
        plan: what it will be.
        streams: what to copy beside the picture, closed together with the file.
        extradata: stands in for that of an encoder which has some: packets from another file have its form.

    Raises:
        UsageError: an option the encoder does not have, or a value it does not take.
        OutputError: the encoder or the container refuses the plan, or the file cannot be written.
    """

    def __init__(
        self, temp_path: Path, plan: EncodePlan, streams: StreamCopy | None = None, *, extradata: bytes | None = None
    ) -> None:
        self.plan = plan
        self._temp_path = temp_path
        self._copies = streams
        self._first_dts: int | None = None
        self._container = av.open(
            os.path.abspath(temp_path),  # noqa: PTH100  # an absolute path cannot be mistaken for a URL
            "w",
            format=plan.output.muxer,
            container_options=_muxing(plan),
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
        wire = wire_format(find_encoder(plan.codec), plan.format.pix_fmt) or plan.format.pix_fmt
        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 writes to stderr on its own: errors only
        try:
            stream = self._container.add_stream(
                plan.codec, rate=plan.rate.limit_denominator(1_000_000), options=_spoken(plan)
            )
        except ValueError as error:
            raise OutputError(
                f"a {plan.output.muxer} file cannot hold {plan.codec} video",
                path=self.plan.target,
                remedy=", or ".join(["choose another codec with -c:v", *_takers(plan)]),
            ) from error
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = plan.width, plan.height, wire
        stream.sample_aspect_ratio = plan.sar
        if plan.rotation or plan.mirrored:
            stream.set_display_rotation(plan.rotation, hflip=plan.mirrored)
        context = stream.codec_context
        context.time_base = plan.time_base
        context.thread_count = available_cpus()
        context.flags |= Flags.frame_duration  # else the last frame of a variable rate is cut short
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
                f"{plan.codec} refuses {plan.width}x{plan.height} {wire} with {_spelled(plan.options)}",
                path=self.plan.target,
                remedy="check -c:v and the encoder options",
            ) from error
        if context.options:  # what the encoder did not take
            raise UsageError(f"{plan.codec} has no option {', '.join(context.options)}", remedy="check -e key=value")
        return stream

    def _write_header(self) -> None:
        container, plan = self._container, self.plan
        plan.tags.put(container, plan.output, self.video)
        if self._marks:
            title = self.video.metadata.get("title", "")
            roomy = mp4_header.roomy if plan.output.is_mp4 else matroska_header.roomy
            self.video.metadata["title"] = roomy(title, self._marks)
        try:
            container.start_encoding()
        except (av.FFmpegError, ValueError, OSError) as error:
            raise OutputError(
                f"a {plan.output.muxer} file cannot be started with these streams: {_reason(error)}",
                path=self.plan.target,
                remedy=without(self._copies.kinds) if self._copies is not None else "",
            ) from error

    @property
    def _marks(self) -> bytes:
        """The bytes to insert into the header, because the muxer cannot write them. MP4 gets the aspect anyway."""
        plan = self.plan
        if plan.output.is_mp4:
            return plan.marks.boxes
        if not plan.output.is_matroska:
            return b""
        aspect = matroska_header.aspect(plan.width, plan.height, plan.sar) if plan.sar != 1 else b""
        # The muxer has written a projection for a turned picture.
        return aspect + (b"" if plan.rotation or plan.mirrored else plan.marks.elements)

    def write(self, packet: Packet[VideoStream], *, lasting: int | None = None) -> None:
        """Append a packet of the picture, and what is to be copied up to its time.

        lasting: for the last packet, the ticks that the whole picture lasts. MP4 reckons the end of the track from
        that packet, which need not hold the last frame.
        """
        if packet.dts is not None:
            if self._first_dts is None:
                self._first_dts = packet.dts
            if lasting is not None and self.plan.output.is_mp4:
                packet.duration = max(1, lasting - (packet.dts - self._first_dts))
        try:
            if self._copies is not None and packet.dts is not None:
                # In step with the picture: the muxer holds back what it cannot interleave yet.
                self._copies.copy(self._container, until=packet.dts * packet.time_base)
            self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> OutputError:
        """The error, with remedies for all copied streams: the muxer does not say which stream failed."""
        failed = cannot_write(self.plan.target, error)
        if self._copies is not None and not failed.remedy:
            failed.remedy = without(self._copies.kinds)
        return failed

    def close(self) -> None:
        """Copy what is left and finish the file."""
        try:
            if self._copies is not None:
                self._copies.copy(self._container)
            self._finish()
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error
        finally:
            if self._copies is not None:
                self._copies.close()

    def _finish(self) -> None:
        self._container.close()
        if self._marks:
            insert = mp4_header.insert if self.plan.output.is_mp4 else matroska_header.insert
            insert(self._temp_path, self._marks)

    def try_out(self) -> Properties:
        """Finish a file with a single picture and no copied streams. Returns the properties that it states."""
        picture = av.VideoFrame(self.plan.width, self.plan.height, self.video.pix_fmt or "")
        for plane in picture.planes:
            np.frombuffer(memoryview(plane), np.uint8)[:] = 0
        picture.pts, picture.duration, picture.time_base = 0, 1, self.plan.time_base
        for packet in (*self.video.encode(picture), *self.video.encode(None)):
            packet.dts = packet.pts
            self._container.mux(packet)
        self._finish()
        with open_input(self._temp_path) as container:
            video = container.streams.video[0]
            return read_properties(video, next(container.decode(video), None))

    def abort(self) -> None:
        """Release the file, whatever becomes of it."""
        with suppress(OSError):
            os.truncate(self._temp_path, 0)  # so that finishing it, which cannot be helped, takes no time
        with suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()
        if self._copies is not None:
            self._copies.close()

    def verify(self, written: Extent) -> None:
        """Reopen the closed file and count frames, seconds, streams. Raises OutputError if they are not all there."""
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
                # Matroska states when a stream ends, other containers how long it lasts.
                if not plan.output.is_matroska and video.duration and video.time_base:
                    begin, end = Fraction(0), video.duration * video.time_base
        except (InputError, av.FFmpegError, IndexError) as error:
            raise OutputError(f"cannot be read back: {_reason(error)}", path=self.plan.target) from error
        lasted, expected = end - (begin or 0), written.ticks * plan.time_base
        # Matroska rounds to milliseconds, and knows of no duration but that of a typical frame.
        if frames != written.frames or abs(lasted - expected) > written.longest + Fraction(1, 500):
            raise OutputError(
                f"is not what was written: {frames} of {written.frames} frames, {float(lasted):.3f} of "
                f"{float(expected):.3f} s",
                path=self.plan.target,
            )
        copied = self._copies.counts if self._copies else Counter()
        # A muxer may add its own track for the names of chapters.
        if missing := copied + Counter(video=1) - streams:
            names = ", ".join(f"{count} {kind}" for kind, count in missing.items())
            raise OutputError(
                f"is not what was written: these other streams cannot be read back: {names}",
                path=self.plan.target,
                remedy=without(missing),
            )


def _takers(plan: EncodePlan) -> Iterator[str]:
    """Suggest another container, if it takes the codec of the picture."""
    if plan.output is not MKV:
        with av.open(io.BytesIO(), "w", format=MKV.muxer) as other, suppress(ValueError):
            other.add_stream(plan.codec)
            yield "write an .mkv file"


def codec_tag(output: OutputFormat, codec: str) -> str | None:
    """The tag for the encoder `codec` in the output; None leaves the choice to FFmpeg."""
    # QuickTime refuses hev1, which is FFmpeg's choice.
    return "hvc1" if output.is_mp4 and find_encoder(codec).canonical_name == "hevc" else None


def _spoken(plan: EncodePlan) -> dict[str, str]:
    """The options of the encoder."""
    return {"chroma_sample_location": plan.siting, **plan.options} if plan.siting else dict(plan.options)


def _muxing(plan: EncodePlan) -> dict[str, str]:
    if plan.output.kind is OutputKind.ANIMATION:
        return {"loop": "0"}  # for ever
    if not plan.output.is_mp4:
        return {}
    flags = "+faststart+use_metadata_tags" if plan.tags.free_tags else "+faststart"
    # Offsets and durations of tracks are told in ticks of the movie, by default 1 ms.
    return {"movflags": flags, "movie_timescale": str(fine_tick(plan.time_base.denominator))}


def _spelled(options: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in options.items()) or "its defaults"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
