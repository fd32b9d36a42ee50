"""Describes what a file holds besides the video that is read: other streams, chapters, timecode."""

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
    """Every stream except `video` and the streams that only repeat chapters or the timecode."""
    chapters = len(container.chapters())
    return tuple(
        _describe(stream)
        for stream in container.streams
        if stream.index != video.index and not _is_redundant(stream, chapters)
    )


def _is_redundant(stream: Stream, chapters: int) -> bool:
    """Whether `stream` only repeats chapters or the timecode. MP4 stores both in tracks of their own."""
    if stream.type != "data" or stream.codec_context is not None:
        return False
    return 0 < chapters == stream.frames or "timecode" in stream.metadata


def _describe(stream: Stream) -> StreamInfo:
    kinds = get_args(StreamKind)
    flags = flags_of(stream)
    kind: StreamKind = stream.type if stream.type in kinds else "unknown"
    title = next(filter(None, map(stream.metadata.get, ("title", "name", "filename"))), "")  # "name" in MP4
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
    """FFmpeg's name of the codec, not of a decoder; empty if FFmpeg has none."""
    if stream.codec_context is not None:
        return stream.codec_context.codec.canonical_name
    return (stream.name or "") if isinstance(stream, DataStream) else ""


def read_timecode(container: InputContainer, video: VideoStream) -> str:
    """The timecode; empty if there is none. Containers store it with the video, in a data track, or with the file."""
    for metadata in (video.metadata, *(track.metadata for track in container.streams.data), container.metadata):
        stated = {key.lower(): tag for key, tag in metadata.items()}.get("timecode")
        if stated:
            return stated
    return ""


def read_chapters(container: InputContainer) -> tuple[Chapter, ...]:
    """The chapters that begin before the end of the file, in seconds on the clock of the file.

    No chapter ends after the file, because an MP4 output would last until the end of its last chapter.
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
    """The end of the last video or audio stream, in seconds on the clock of the file; None if the file states none."""
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
