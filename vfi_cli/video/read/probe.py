"""Describes a file from its headers, its first packets and its first frame."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vfi_cli.errors import InputError
from vfi_cli.video.clip import ClipInfo, StreamInfo
from vfi_cli.video.container.encryption import is_encrypted, refuse_encrypted
from vfi_cli.video.container.marks import Marks, read_marks
from vfi_cli.video.container.parts import unread_notes
from vfi_cli.video.demux.open_input import open_input
from vfi_cli.video.limits import check_size
from vfi_cli.video.properties.pixels import (
    lost_by_format,
    nearest_format,
    read_color,
    read_hdr,
    read_turn,
    stored_format,
)
from vfi_cli.video.properties.preserved import read_properties
from vfi_cli.video.read.choose_stream import choose_video
from vfi_cli.video.read.programs import streams_of_other_programs
from vfi_cli.video.read.stream_info import codec_name, flags_of, list_others, read_chapters, read_timecode
from vfi_cli.video.read.survey import survey
from vfi_cli.video.timestamps.discontinuities import Scan
from vfi_cli.video.timestamps.frame_rate import find_grid, is_steady, snap_rate
from vfi_cli.video.timestamps.jitter import find_jittered
from vfi_cli.video.timestamps.offsets import Offsets

# How much of the file is read to measure the spacing of frames.
SCAN_PACKETS = 2_000
SCAN_BYTES = 32 * 2**20

_INTERLACED = range(2, 6)  # AV_FIELD_TT to AV_FIELD_BT


def probe(path: str | Path, video: int | None = None) -> ClipInfo:
    """What the file at `path` holds.

    Args:
        video: the number of the video stream to read, counted from 0; None: see `choose_stream.choose_video`.

    Raises:
        InputError: the file is unreadable, has no video, or has colours of an unsupported kind.
        LimitError: the frames are larger than MAX_SIDE or MAX_PIXELS.
        UsageError: there is no such video stream.
    """
    path = Path(path)
    scan, reach = survey(path, video)
    with open_input(path, reach) as container:
        return examine(container, path, scan=scan, reach=reach, video=video)


def examine(
    container: InputContainer,
    path: Path,
    *,
    scan: Scan | None = None,
    reach: int = 0,
    live: bool = False,
    video: int | None = None,
) -> ClipInfo:
    """What the open file `container` holds; see `probe`.

    Args:
        path: name of the file in error messages.
        scan: the scan of the whole file, if its timestamps may be discontinuous; None: they are not.
        reach: the reach with which `container` was opened, see `ClipInfo`.
        live: read only the header, because the rest cannot be read twice.
        video: see `probe`.
    """
    stream = choose_video(container, path, video, partial(open_input, path, reach))
    context = stream.codec_context
    check_size(context.width, context.height, path)
    base = stream.time_base or Fraction(1, 90_000)
    head = _read_head(container, stream, base, scan) if not live else _Head()
    refuse_encrypted(container, stream, head.encrypted, path)
    stored = stored_format(stream)
    if stored is None:
        raise InputError(
            f"no frame of the {codec_name(stream)} video can be read", path=path, remedy="is the file complete?"
        )
    notes: list[str] = []
    color = read_color(context, stored, notes, path)
    notes += lost_by_format(stream, stored)
    properties = read_properties(stream, head.first)
    rotation, mirrored = read_turn(head.first)
    rate, vfr, grid, phase = _rate(stream, head, base)
    start = head.times[0] if head.times else Fraction(0)
    offsets = scan.offsets(1 / rate) if scan is not None else Offsets()
    stated = _stated_duration(container, stream, start) if scan is None else None
    duration = stated or _estimated_duration(container, head, rate)
    count = head.count if head.complete else stream.frames or max(1, round(duration * rate))
    if scan is not None and scan.frames:
        duration, count = max(scan.end(offsets) - start, 1 / rate), scan.frames - head.hidden
    unread = scan.unread if scan is not None else ()
    notes += [*offsets.notes, *unread_notes(unread)]
    if scan is not None and scan.chapters:
        notes.append(f"chapters of the parts after the first are left out: {scan.chapters}")
    if head.hidden:
        reason = "" if head.starts_with_key else ": the recording begins between two key frames"
        notes.append(f"frames at the start that cannot be decoded: {head.hidden}{reason}")
    chapters = read_chapters(container)
    if len(chapters) < len(container.chapters()):
        notes.append(f"chapters that begin after the end are left out: {len(container.chapters()) - len(chapters)}")
    others = list_others(container, stream)
    if container.format.name == "mpegts":
        foreign = streams_of_other_programs(path, {other.index: other.id for other in container.streams}, stream.index)
        others = tuple(replace(other, other_program=other.index in foreign) for other in others)
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
        origin=_origin(container, start, others, scan),
        duration=duration,
        declared=stated is not None,
        frame_count=count,
        vfr=vfr,
        offsets=offsets,
        reach=reach,
        unread=unread,
        grid=grid,
        phase=phase,
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
        others=others,
        chapters=chapters,
        metadata=dict(container.metadata),
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class _Head:
    """What the first packets show."""

    times: list[Fraction] = field(default_factory=list)  # of the shown frames; no later packet lies between them
    count: int = 0  # frames that are shown
    hidden: int = 0  # frames before the first one that can be decoded
    starts_with_key: bool = False  # the first packet is a key frame
    durations: Fraction = Fraction(0)  # sum of the stated durations, in seconds
    size: int = 0  # bytes
    complete: bool = False  # the whole stream was read
    first: av.VideoFrame | None = None
    encrypted: bool = False


def _read_head(container: InputContainer, stream: VideoStream, base: Fraction, scan: Scan | None) -> _Head:
    """Read the first packets, up to the first discontinuity that the scan of the whole file has found."""
    end = scan.first_leap if scan is not None else None
    times: list[Fraction] = []
    count = size = 0
    durations = Fraction(0)
    complete, encrypted, starts_with_key = True, False, False
    first: av.VideoFrame | None = None
    last_dts = None  # decoding time of the last packet: all frames up to this time have been read
    with suppress(av.FFmpegError):  # the decoder reports damage
        for packet in container.demux(stream):
            at_end = not packet.size and packet.dts is None
            if end is not None and (at_end or (packet.pos or 0) >= end):
                complete = False
                break
            size += packet.size
            encrypted = encrypted or is_encrypted(packet)
            if first is None:
                with suppress(av.FFmpegError):
                    first = next(iter(packet.decode()), None)
            if at_end or packet.is_discard:  # the end of the file, or a frame outside of the edit list
                continue
            starts_with_key = starts_with_key or (packet.is_keyframe and not count)
            count += 1
            last_dts = packet.dts * base if packet.dts is not None else None
            durations += (packet.duration or 0) * base
            if packet.pts is not None:
                times.append(packet.pts * base)
            if count >= SCAN_PACKETS or size >= SCAN_BYTES:
                complete = False
                break
    times.sort()
    # After `last_dts`, frames between those in `times` may not have been read yet.
    certain = [time for time in times if last_dts is None or time <= last_dts]
    if len(certain) > 2:
        times = certain
    begin = first.pts * base if first is not None and first.pts is not None else None
    shown = [time for time in times if begin is None or time >= begin]
    hidden = len(times) - len(shown)
    return _Head(shown, count - hidden, hidden, starts_with_key, durations, size, complete, first, encrypted)


class _Rate(NamedTuple):
    """The frame rate, and how frames are spaced; see `ClipInfo`."""

    average: Fraction
    vfr: bool | None = None
    grid: Fraction | None = None
    phase: Fraction | None = None


def _rate(stream: VideoStream, head: _Head, base: Fraction) -> _Rate:
    """The rate measured from the first times, or the stated one. `r_frame_rate` is FFmpeg's guess and is not used."""
    stated = Fraction(stream.average_rate) if stream.average_rate else None
    if not head.times and head.durations:  # a raw stream without timestamps, for which FFmpeg states a default rate
        stated = Fraction(head.count) / head.durations
    span = head.times[-1] - head.times[0] if head.times else Fraction(0)
    if span <= 0:
        return _Rate(snap_rate(stated or Fraction(25)))
    gaps = len(head.times) - 1
    measured = gaps / span
    if not is_steady(head.times, measured, base):
        mean = measured if head.complete or stated is None else stated
        grid = find_grid(head.times, base) or find_jittered(head.times)
        if grid is None or grid.faults > grid.tolerated:
            return _Rate(mean, True, grid.rate if grid else None)
        return _Rate(grid.rate, grid.faults > 0, grid.rate, grid.phase)
    agrees = stated is not None and abs(stated - measured) <= measured * (2 * base / span + Fraction(1, 1000))
    return _Rate(snap_rate(stated if stated is not None and agrees else measured), False)


def _stated_duration(container: InputContainer, stream: VideoStream, start: Fraction) -> Fraction | None:
    """The stated seconds of the stream, or of the file if it has only this stream; None if none are stated."""
    if stream.duration is not None and stream.time_base:
        # In a fragmented MP4, `stream.duration` is the end time of the stream, and the first frame may be late.
        fragmented = "mp4" in container.format.name and not stream.frames
        return max(stream.duration * stream.time_base - (start if fragmented else 0), Fraction(0)) or None
    file_duration = Fraction(container.duration, av.time_base) if container.duration else None
    # In Matroska, the tag states the end of the stream. Programs that cut a file leave the tag as it was, so the
    # duration of the file limits it. The name of the tag can end in a language.
    tags = sorted((key, value) for key, value in stream.metadata.items() if key.upper().startswith("DURATION"))
    tag = re.match(r"(\d+):(\d+):(\d+(?:\.\d+)?)", tags[0][1] if tags else "")
    if tag and file_duration is not None:
        end = int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
        return min(end, file_duration) - start or None
    return file_duration if len(container.streams) == 1 else None


def _estimated_duration(container: InputContainer, head: _Head, rate: Fraction) -> Fraction:
    if head.complete or not head.size:
        return max(head.durations, head.count / rate)
    if container.duration:
        return Fraction(container.duration, av.time_base)
    return head.count / rate * max(Fraction(1), Fraction(container.size, head.size))


def _origin(container: InputContainer, start: Fraction, others: tuple[StreamInfo, ...], scan: Scan | None) -> Fraction:
    """The time at which the first stream starts: the video at `start`, or an audio stream.

    `start_time` of the video is not used, because in AVI it is the time of decoding, which is before `start`.
    """
    foreign = {other.index for other in others if other.other_program} | (scan.later if scan is not None else set())
    audio_starts = (
        Fraction(other.start_time * other.time_base)
        for other in container.streams.audio
        if other.index not in foreign and other.start_time is not None and other.time_base
    )
    return min((start, *audio_starts))
