"""What a file holds, learned from its headers and its first frame."""

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
from vfi_cli.video.read.programs import strangers
from vfi_cli.video.read.stream_info import codec_name, flags_of, list_others, read_chapters, read_timecode
from vfi_cli.video.read.survey import survey
from vfi_cli.video.timestamps.discontinuities import Scan
from vfi_cli.video.timestamps.frame_rate import find_grid, is_steady, snap_rate
from vfi_cli.video.timestamps.jitter import find_jittered
from vfi_cli.video.timestamps.offsets import Offsets

# The spacing of frames is judged by the head of the file.
SCAN_PACKETS = 2_000
SCAN_BYTES = 32 * 2**20

_INTERLACED = range(2, 6)  # AV_FIELD_TT to AV_FIELD_BT


def probe(path: str | Path, video: int | None = None) -> ClipInfo:
    """What the file at `path` holds.

    video: the number of the video stream that is read, from 0; None: see `choose_stream.choose_video`.

    Raises:
        InputError: unreadable, no video in it, or colours of a kind that is not supported.
        LimitError: the picture is larger than MAX_SIDE or MAX_PIXELS.
        UsageError: there is no such video stream.
    """
    path = Path(path)
    whole, reach = survey(path, video)
    with open_input(path, reach) as container:
        return examine(container, path, whole=whole, reach=reach, video=video)


def examine(
    container: InputContainer,
    path: Path,
    *,
    whole: Scan | None = None,
    reach: int = 0,
    live: bool = False,
    video: int | None = None,
) -> ClipInfo:
    """What an open file holds, called `path`; see `probe`. Of a `live` one nothing but the header is read.

    whole: what was learned from the whole file, if its clocks may leap. reach: the one of `container`.
    """
    stream = choose_video(container, path, video, partial(open_input, path, reach))
    context = stream.codec_context
    check_size(context.width, context.height, path)
    base = stream.time_base or Fraction(1, 90_000)
    head = _read_head(container, stream, base, whole) if not live else _Head()
    refuse_encrypted(container, stream, head.encrypted, path)
    stored = stored_format(stream)
    if stored is None:
        raise InputError(
            f"no picture of the {codec_name(stream)} video can be read", path=path, remedy="is it complete?"
        )
    notes: list[str] = []
    color = read_color(context, stored, notes, path)
    notes += lost_by_format(stream, stored)
    properties = read_properties(stream, head.first)
    rotation, mirrored = read_turn(head.first)
    rate, vfr, grid, phase = _rate(stream, head, base)
    start = head.times[0] if head.times else Fraction(0)
    offsets = whole.offsets(1 / rate) if whole is not None else Offsets()
    stated = _stated_duration(container, stream, start) if whole is None else None
    duration = stated or _estimated_duration(container, head, rate)
    count = head.count if head.complete else stream.frames or max(1, round(duration * rate))
    if whole is not None and whole.frames:
        duration, count = max(whole.end(offsets) - start, 1 / rate), whole.frames - head.hidden
    unread = whole.unread if whole is not None else ()
    notes += [*offsets.notes, *unread_notes(unread)]
    if whole is not None and whole.chapters:
        notes.append(f"chapters of the parts after the first are left out: {whole.chapters}")
    if head.hidden:
        reason = "" if head.keyed else ": the recording begins between two key frames"
        notes.append(f"frames at the start that cannot be decoded: {head.hidden}{reason}")
    chapters = read_chapters(container)
    if len(chapters) < len(container.chapters()):
        notes.append(f"chapters that begin after the end are left out: {len(container.chapters()) - len(chapters)}")
    others = list_others(container, stream)
    if container.format.name == "mpegts":
        foreign = strangers(path, {other.index: other.id for other in container.streams}, stream.index)
        others = tuple(replace(other, stranger=other.index in foreign) for other in others)
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
        origin=_origin(container, start, others, whole),
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
    """What the first packets tell."""

    times: list[Fraction] = field(default_factory=list)  # from the first frame that is shown, without gaps to be filled
    count: int = 0  # frames that are shown
    hidden: int = 0  # frames before the first one that can be decoded
    keyed: bool = False  # the first packet is a key frame
    spans: Fraction = Fraction(0)  # sum of the stated durations
    size: int = 0  # bytes
    complete: bool = False  # the whole stream was read
    first: av.VideoFrame | None = None
    encrypted: bool = False


def _read_head(container: InputContainer, stream: VideoStream, base: Fraction, whole: Scan | None) -> _Head:
    """Read the first packets, up to the first discontinuity that the scan of the whole file has found."""
    end = whole.first_leap if whole is not None else None
    times: list[Fraction] = []
    count = size = 0
    spans = Fraction(0)
    complete, encrypted, keyed = True, False, False
    first: av.VideoFrame | None = None
    seen = None  # every frame up to this time has come by
    with suppress(av.FFmpegError):  # damage is for the decoder to report
        for packet in container.demux(stream):
            over = not packet.size and packet.dts is None
            if end is not None and (over or (packet.pos or 0) >= end):
                complete = False
                break
            size += packet.size
            encrypted = encrypted or is_encrypted(packet)
            if first is None:
                with suppress(av.FFmpegError):
                    first = next(iter(packet.decode()), None)
            if over or packet.is_discard:  # the end, or outside of the edit list: never shown
                continue
            keyed = keyed or (packet.is_keyframe and not count)
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
    begin = first.pts * base if first is not None and first.pts is not None else None
    shown = [time for time in times if begin is None or time >= begin]
    hidden = len(times) - len(shown)
    return _Head(shown, count - hidden, hidden, keyed, spans, size, complete, first, encrypted)


class _Rate(NamedTuple):
    """Frames per second, and how they are spaced; see `ClipInfo`."""

    average: Fraction
    vfr: bool | None = None
    grid: Fraction | None = None
    phase: Fraction | None = None


def _rate(stream: VideoStream, head: _Head, base: Fraction) -> _Rate:
    """Measured from the first times, or as the file states it. `r_frame_rate` is a guess and never used."""
    stated = Fraction(stream.average_rate) if stream.average_rate else None
    if not head.times and head.spans:  # no timestamps: a raw stream, whose "average rate" is a default
        stated = Fraction(head.count) / head.spans
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
    """Seconds of video, if the file says so: of this stream, or of the whole where that is the same."""
    if stream.duration is not None and stream.time_base:
        # Of a fragmented MP4 file it is the end, on the clock of the file: the part may begin late.
        fragmented = "mp4" in container.format.name and not stream.frames
        return max(stream.duration * stream.time_base - (start if fragmented else 0), Fraction(0)) or None
    whole = Fraction(container.duration, av.time_base) if container.duration else None
    # Matroska: the end of the stream. Programs that cut a file keep old tags; some tags have a language.
    tags = sorted((key, value) for key, value in stream.metadata.items() if key.upper().startswith("DURATION"))
    tag = re.match(r"(\d+):(\d+):(\d+(?:\.\d+)?)", tags[0][1] if tags else "")
    if tag and whole is not None:
        end = int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
        return min(end, whole) - start or None
    return whole if len(container.streams) == 1 else None


def _estimated_duration(container: InputContainer, head: _Head, rate: Fraction) -> Fraction:
    if head.complete or not head.size:
        return max(head.spans, head.count / rate)
    if container.duration:
        return Fraction(container.duration, av.time_base)
    return head.count / rate * max(Fraction(1), Fraction(container.size, head.size))


def _origin(container: InputContainer, start: Fraction, others: tuple[StreamInfo, ...], whole: Scan | None) -> Fraction:
    """The time of whatever starts first. AVI says of its video that it starts when decoding does, before `start`."""
    foreign = {other.index for other in others if other.stranger} | (whole.later if whole is not None else set())
    sounds = (
        Fraction(other.start_time * other.time_base)
        for other in container.streams.audio
        if other.index not in foreign and other.start_time is not None and other.time_base
    )
    return min((start, *sounds))
