"""What a file holds, learned from its headers and its first frame. Only local files, only real containers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from vfi_cli.errors import InputError, LimitError
from vfi_cli.video.contents import codec_name, flags_of, list_others, read_chapters, read_timecode
from vfi_cli.video.marks import Marks, read_marks
from vfi_cli.video.pixels import losses, nearest_format, read_color, read_hdr, read_turn, stored_format
from vfi_cli.video.properties import read_properties
from vfi_cli.video.types import ClipInfo

MAX_SIDE = 16_384
MAX_PIXELS = 8_192 * 8_192
# The spacing of frames is judged by the head of the file.
SCAN_PACKETS = 2_000
SCAN_BYTES = 32 * 2**20
SCAN_DECODED = 64  # packets given to the decoder for the first frame, which alone carries the rotation

# Demuxers of FFmpeg that read one file and nothing else: no playlists, no image sequences, no network.
_DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,nut,ivf,mxf,dv,gif,yuv4mpegpipe,"
    "h264,hevc,obu,vc1,m4v,rm,wtv"
)
PICTURE_LIMIT = {"max_pixels": str(MAX_PIXELS)}
_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file", **PICTURE_LIMIT}

_INTERLACED = range(2, 6)  # AV_FIELD_TT to AV_FIELD_BT


@contextmanager
def open_input(path: Path) -> Iterator[InputContainer]:
    """The file at `path`, taken literally whatever its name, open for demuxing.

    Raises InputError for what cannot be read or is no single media file.
    """
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "no such file"
            raise InputError(what, path=path, remedy="give the path of a local video file")
        if path.stat().st_size == 0:
            raise InputError("the file is empty", path=path)
        # An absolute path cannot be mistaken for a URL or an option.
        container = av.open(os.path.abspath(path), "r", options=dict(_OPTIONS), metadata_errors="replace")  # noqa: PTH100
    except av.ArgumentError as error:
        raise InputError(
            "this container format is not read",
            path=path,
            remedy="playlists, pipes and image lists are not videos",
        ) from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"not a readable video file: {_reason(error)}", path=path, remedy="is it complete?") from error
    with container:
        yield container


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def probe(path: str | Path) -> ClipInfo:
    """What the file at `path` holds.

    Raises:
        InputError: unreadable, no video in it, or colours of a kind that is not supported.
        LimitError: the picture is larger than MAX_SIDE or MAX_PIXELS.
    """
    path = Path(path)
    with open_input(path) as container:
        return examine(container, path)


def examine(container: InputContainer, path: Path, *, live: bool = False) -> ClipInfo:
    """What an open file holds, called `path`; see `probe`. Of a `live` one nothing but the header is read."""
    stream = _video_stream(container, path)
    context = stream.codec_context
    check_size(context.width, context.height, path)
    stored = stored_format(stream)
    if stored is None:
        raise InputError(
            f"no picture of the {codec_name(stream)} video can be read", path=path, remedy="is it complete?"
        )
    notes: list[str] = []
    color = read_color(context, stored, notes, path)
    base = stream.time_base or Fraction(1, 90_000)
    head = _scan(container, stream, base) if not live else _Head([], 0, Fraction(0), 0, False, None)
    notes += losses(stream, stored)
    properties = read_properties(stream, head.first)
    rotation, mirrored = read_turn(head.first)
    rate, vfr = _rate(stream, head, base)
    start = head.times[0] if head.times else Fraction(0)
    stated = _stated_duration(container, stream, start)
    duration = stated or _estimated_duration(container, head, rate)
    return ClipInfo(
        path=path,
        container=container.format.name,
        index=stream.index,
        codec=codec_name(stream),
        width=context.width,
        height=context.height,
        pix_fmt=stored.name,
        format=nearest_format(stored),
        color=color,
        hdr=read_hdr(head.first),
        average_rate=rate,
        time_base=base,
        start=start,
        origin=_origin(container, start),
        duration=duration,
        declared=stated is not None,
        frame_count=head.count if head.complete else stream.frames or max(1, round(duration * rate)),
        vfr=vfr,
        live=live,
        sar=stream.sample_aspect_ratio or Fraction(1),
        rotation=rotation,
        mirrored=mirrored,
        properties=properties,
        marks=read_marks(stream) if {"SPHERICAL", "STEREO3D"} & properties.keys() else Marks(),
        interlaced=context.field_order in _INTERLACED or bool(head.first and head.first.interlaced_frame),
        tags=dict(stream.metadata),
        flags=flags_of(stream),
        timecode=read_timecode(container, stream),
        others=list_others(container, stream),
        chapters=read_chapters(container),
        metadata=dict(container.metadata),
        notes=tuple(notes),
    )


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first moving picture: the cover of an album is a video stream too, for FFmpeg."""
    for stream in container.streams.video:
        if not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails):
            if stream.codec_context is None:
                raise InputError("the video codec is unknown", path=path)
            return stream
    what = "the only picture is a cover image" if container.streams.video else "no video stream"
    raise InputError(what, path=path, remedy="give a file with moving pictures")


def check_size(width: int, height: int, path: Path) -> None:
    """Raises InputError or LimitError for a size that no video has."""
    if width <= 0 or height <= 0:
        raise InputError("the file does not say how large the picture is", path=path, remedy="is it complete?")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise LimitError(
            f"the picture is {width}x{height}, the limit is {MAX_SIDE} a side and {MAX_PIXELS} pixels",
            path=path,
            remedy="scale the video down first",
        )


@dataclass(frozen=True, slots=True)
class _Head:
    """What the first packets tell."""

    times: list[Fraction]  # in display order, without gaps that later packets fill
    count: int  # frames that are shown
    spans: Fraction  # sum of their stated durations
    size: int  # bytes
    complete: bool  # that was the whole stream
    first: av.VideoFrame | None


def _scan(container: InputContainer, stream: VideoStream, base: Fraction) -> _Head:
    times: list[Fraction] = []
    count = size = 0
    spans = Fraction(0)
    complete = True
    first: av.VideoFrame | None = None
    seen = None  # every frame up to this time has come by
    with suppress(av.FFmpegError):  # damage is for the decoder to report
        for packet in container.demux(stream):
            size += packet.size
            if first is None and count < SCAN_DECODED:
                with suppress(av.FFmpegError):
                    first = next(iter(packet.decode()), None)
            if not packet.size or packet.is_discard:  # the end, or outside of the edit list: never shown
                continue
            count += 1
            seen = packet.dts * base if packet.dts is not None else None
            spans += (packet.duration or 0) * base
            if packet.pts is not None:
                times.append(packet.pts * base)
            if count >= SCAN_PACKETS or size >= SCAN_BYTES:
                complete = False
                break
    times.sort()
    certain = [time for time in times if seen is None or time <= seen]  # not those still missing a neighbour
    if len(certain) > 2:
        times = certain
    return _Head(times, count, spans, size, complete, first)


def snap_rate(rate: Fraction) -> Fraction:
    """The whole or NTSC (n * 1000/1001) rate that `rate` is a rounding of, else `rate` itself."""
    near = (Fraction(round(rate)), Fraction(round(rate * 1001 / 1000) * 1000, 1001))
    best = min(near, key=lambda candidate: abs(candidate - rate))
    return best if best > 0 and abs(best - rate) <= rate / 5000 else rate


def _rate(stream: VideoStream, head: _Head, base: Fraction) -> tuple[Fraction, bool | None]:
    """Frames per second, and whether their spacing varies. `r_frame_rate` is a guess and never asked."""
    stated = Fraction(stream.average_rate) if stream.average_rate else None
    if not head.times and head.spans:  # no timestamps: a raw stream, whose "average rate" is a default
        stated = Fraction(head.count) / head.spans
    span = head.times[-1] - head.times[0] if head.times else Fraction(0)
    if span <= 0:
        return snap_rate(stated or Fraction(25)), None
    gaps = len(head.times) - 1
    measured = gaps / span
    # Timestamps are rounded to the tick, so a steady clock may be off by one at either end and in between.
    slack = max(base * 3 / 2, 1 / measured / 50)
    steady = all(abs(time - head.times[0] - index / measured) <= slack for index, time in enumerate(head.times))
    if not steady:
        return (measured if head.complete or stated is None else stated), True
    agrees = stated is not None and abs(stated - measured) <= measured * (2 * base / span + Fraction(1, 1000))
    return snap_rate(stated if stated is not None and agrees else measured), False


def _stated_duration(container: InputContainer, stream: VideoStream, start: Fraction) -> Fraction | None:
    """Seconds of video, if the file says so: of this stream, or of the whole where that is the same."""
    if stream.duration is not None and stream.time_base:
        return stream.duration * stream.time_base or None
    tags = (value for key, value in stream.metadata.items() if key.upper().startswith("DURATION"))
    tag = re.match(r"(\d+):(\d+):(\d+(?:\.\d+)?)", next(tags, ""))
    if tag:  # Matroska, DURATION or DURATION-eng: the time at which the stream ends
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3]) - start or None
    if container.duration and len(container.streams) == 1:
        return Fraction(container.duration, av.time_base)
    return None


def _estimated_duration(container: InputContainer, head: _Head, rate: Fraction) -> Fraction:
    if head.complete or not head.size:
        return max(head.spans, head.count / rate)
    if container.duration:
        return Fraction(container.duration, av.time_base)
    return head.count / rate * max(Fraction(1), Fraction(container.size, head.size))


def _origin(container: InputContainer, start: Fraction) -> Fraction:
    """The time of whatever starts first. AVI says of its video that it starts when decoding does, before `start`."""
    sounds = (
        Fraction(other.start_time * other.time_base)
        for other in container.streams.audio
        if other.start_time is not None and other.time_base
    )
    return min((start, *sounds))
