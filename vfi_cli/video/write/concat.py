"""Joins the closed segments of a video and the streams to copy into the output file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import av

from vfi_cli.errors import InputError, OutputError, VfiError
from vfi_cli.video.demux.open_input import open_input
from vfi_cli.video.properties.preserved import lost
from vfi_cli.video.streams.stream_copy import StreamCopy
from vfi_cli.video.write.encode_plan import EncodePlan
from vfi_cli.video.write.mux import Extent, Muxer
from vfi_cli.video.write.segments import Segment, read_packets

_TRIAL_SIDE = 256  # largest width and height of a trial frame, in pixels: x265 takes seconds for one 4K frame


@dataclass(frozen=True, slots=True)
class MuxerCheck:
    """Extradata of the encoder, and one sentence for each property of the video that the file will lose."""

    extradata: bytes | None
    lost: tuple[str, ...]


def check_muxer(temp_path: Path, plan: EncodePlan, streams: StreamCopy | None) -> MuxerCheck:
    """Open the output file and abort it, so that its errors appear before any frame is computed.

    Then encode a small trial frame, to find the properties that the file will lose.

    Raises UsageError and OutputError, as `Muxer` does.
    """
    muxer = Muxer(temp_path, plan, streams)
    extradata = muxer.video.codec_context.extradata
    muxer.video.encode(None)  # flush the unused encoder: SVT-AV1 warns otherwise
    muxer.abort()
    return MuxerCheck(extradata, tuple(_find_lost(temp_path, plan)))


def find_lost_properties(plan: EncodePlan) -> tuple[str, ...]:
    """The `lost` sentences of `check_muxer`, found with a file in the system's temporary folder."""
    with TemporaryDirectory() as folder:
        return tuple(_find_lost(Path(folder, f"part{plan.target.suffix}"), plan))


def _find_lost(temp_path: Path, plan: EncodePlan) -> Iterator[str]:
    """Yields a sentence for each property that a trial file with one small frame does not state."""
    if not plan.properties:
        return
    small = replace(plan, width=min(plan.width, _TRIAL_SIDE), height=min(plan.height, _TRIAL_SIDE))
    with suppress(VfiError, av.FFmpegError, OSError, ValueError):  # the encoder may refuse such a small frame
        muxer = Muxer(temp_path, small)
        try:
            yield from lost(plan.properties, muxer.encode_trial_frame(), x265=not plan.output.royalty_free)
        finally:
            muxer.abort()


def concat_segments(
    temp_path: Path, plan: EncodePlan, streams: StreamCopy | None, folder: Path, segments: Sequence[Segment]
) -> None:
    """Join the segments in `folder` and the copied `streams` into the file `temp_path`, and check this file.

    The times of frames come from `segments`. All segments get the same decoding delay: the largest of theirs.

    Raises OutputError if a segment has changed or the file cannot be written.
    """
    begin, end = segments[0].start, segments[-1].end
    frames = sum(segment.frames for segment in segments)
    decoded = _decoding_ticks(segments)
    with Muxer(temp_path, plan, streams, extradata=_extradata(segments[0], folder)) as muxer:
        muxer.video.encode(None)  # flush the encoder; only its parameters were needed
        count = 0
        for segment in segments:
            durations = dict(segment.shown())
            try:
                for tick, packet in read_packets(segment.path(folder), plan, segment.start):
                    packet.duration = durations.pop(tick)
                    packet.pts, packet.dts, packet.time_base = tick, next(decoded), plan.time_base
                    packet.stream = muxer.video
                    count += 1
                    muxer.write(packet, total_ticks=end - begin if count == frames else None)
            except (InputError, KeyError, av.FFmpegError) as error:
                raise _damaged(segment, folder) from error
            if durations:
                raise _damaged(segment, folder)
    longest = max(1 / plan.rate, max(ticks for segment in segments for ticks, _ in segment.spans) * plan.time_base)
    muxer.verify(Extent(frames, begin, end - begin, longest))


def _decoding_ticks(segments: Sequence[Segment]) -> Iterator[int]:
    """Yields the dts of each packet, in ticks.

    The dts of packet n is the tick at which frame n - `delay` is shown. The first `delay` packets get ticks before the
    first frame.
    """
    delay = max(segment.delay for segment in segments)
    first, gap = segments[0].start, segments[0].spans[0][0]
    before = (first - places * gap for places in range(delay, 0, -1))
    return chain(before, (tick for segment in segments for tick, _ in segment.shown()))


def _extradata(segment: Segment, folder: Path) -> bytes | None:
    with open_input(segment.path(folder)) as container:
        return container.streams.video[0].codec_context.extradata


def _damaged(segment: Segment, folder: Path) -> OutputError:
    return OutputError("has changed since it was written", path=segment.path(folder), remedy="run the command again")
