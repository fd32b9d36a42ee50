"""What lies in a file beside the picture that is read: streams, chapters, timecode."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import get_args

import av
from av.container import InputContainer
from av.stream import DataStream, Stream
from av.video.stream import VideoStream

from vfi_cli.video.clip import Chapter, StreamInfo, StreamKind


def list_others(container: InputContainer, video: VideoStream) -> tuple[StreamInfo, ...]:
    """Every stream but `video`, and those that only repeat what `read_chapters` and `read_timecode` tell."""
    chapters = len(container.chapters())
    return tuple(
        _describe(stream)
        for stream in container.streams
        if stream.index != video.index and not _repeats(stream, chapters)
    )


def _repeats(stream: Stream, chapters: int) -> bool:
    """MP4 keeps the names of its chapters in a track of text, and the timecode in a track of its own."""
    if stream.type != "data" or stream.codec_context is not None:
        return False
    return 0 < chapters == stream.frames or "timecode" in stream.metadata


def _describe(stream: Stream) -> StreamInfo:
    kinds = get_args(StreamKind)
    flags = flags_of(stream)
    kind: StreamKind = stream.type if stream.type in kinds else "unknown"
    title = next(filter(None, map(stream.metadata.get, ("title", "name", "filename"))), "")  # MP4 calls it a name
    return StreamInfo(
        stream.index,
        "attachment" if "attached_pic" in flags else kind,
        codec_name(stream),
        stream.language or "",
        title,
        flags,
    )


def flags_of(stream: Stream) -> tuple[str, ...]:
    """The names of the dispositions that are set."""
    return tuple(flag.name for flag in stream.disposition if flag.name)


def codec_name(stream: Stream) -> str:
    """FFmpeg's name for what is in `stream`, whoever decodes it; empty if it has none."""
    if stream.codec_context is not None:
        return stream.codec_context.codec.canonical_name
    return (stream.name or "") if isinstance(stream, DataStream) else ""


def read_timecode(container: InputContainer, video: VideoStream) -> str:
    """As the picture states it, or a track of its own, or the file: no two containers agree on where that is."""
    for metadata in (video.metadata, *(track.metadata for track in container.streams.data), container.metadata):
        stated = {key.lower(): tag for key, tag in metadata.items()}.get("timecode")
        if stated:
            return stated
    return ""


def read_chapters(container: InputContainer) -> tuple[Chapter, ...]:
    """The chapters that begin before the end of the file, in seconds on its clock.

    Their ends are limited to that of the file: an MP4 file would last as long as its chapters.
    """
    chapters = (
        Chapter(chapter["start"] * base, chapter["end"] * base, dict(chapter["metadata"]))
        for chapter in container.chapters()
        if (base := chapter["time_base"])
    )
    end = _end(container)
    if end is None:
        return tuple(chapters)
    return tuple(replace(chapter, end=min(chapter.end, end)) for chapter in chapters if chapter.start < end)


def _end(container: InputContainer) -> Fraction | None:
    """When the last sound or picture ends, in seconds on the clock of the file; None if it does not say."""
    ends = [
        Fraction(((stream.start_time or 0) + stream.duration) * stream.time_base)
        for stream in container.streams
        if stream.type in ("video", "audio") and stream.duration and stream.time_base
    ]
    if ends:
        return max(ends)
    if container.duration is None:
        return None
    return Fraction((container.start_time or 0) + container.duration, av.time_base)
