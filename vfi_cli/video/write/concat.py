"""Closed pieces of picture, and the streams to copy, become the file that was asked for."""

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

_SMALL = 256  # pixels a side: x265 takes seconds for a single picture of 4K


@dataclass(frozen=True, slots=True)
class MuxerCheck:
    """`extradata`: of the encoder. `lost`: one sentence for each property of the picture that the file loses."""

    extradata: bytes | None
    lost: tuple[str, ...]


def check_muxer(temp_path: Path, plan: EncodePlan, streams: StreamCopy | None) -> MuxerCheck:
    """Start the file and delete it, to get the errors of `concat_segments` before the work; then try a small picture.

    Raises what `Muxer` raises.
    """
    muxer = Muxer(temp_path, plan, streams)
    extradata = muxer.video.codec_context.extradata
    muxer.video.encode(None)  # that nothing comes: SVT-AV1 would complain
    muxer.abort()
    return MuxerCheck(extradata, tuple(_missing(temp_path, plan)))


def find_lost_properties(plan: EncodePlan) -> tuple[str, ...]:
    """What `check_muxer` finds, without a file beside the output."""
    with TemporaryDirectory() as folder:
        return tuple(_missing(Path(folder, f"part{plan.target.suffix}"), plan))


def _missing(temp_path: Path, plan: EncodePlan) -> Iterator[str]:
    if not plan.properties:
        return
    small = replace(plan, width=min(plan.width, _SMALL), height=min(plan.height, _SMALL))
    with suppress(VfiError, av.FFmpegError, OSError, ValueError):  # the encoder may refuse a picture this small
        muxer = Muxer(temp_path, small)
        try:
            yield from lost(plan.properties, muxer.try_out(), x265=not plan.output.royalty_free)
        finally:
            muxer.abort()


def concat_segments(
    temp_path: Path, plan: EncodePlan, streams: StreamCopy | None, folder: Path, segments: Sequence[Segment]
) -> None:
    """Write `temp_path` from the pieces in `folder`, copying `streams` beside them, and check it.

    Times come from `segments`. A frame is decoded as many places before its turn to be shown as the piece with the
    largest delay needs.

    Raises OutputError if a piece is not what it was or the file cannot be written.
    """
    begin, end = segments[0].start, segments[-1].end
    frames = sum(segment.frames for segment in segments)
    decoded = _decoding_ticks(segments)
    with Muxer(temp_path, plan, streams, extradata=_extradata(segments[0], folder)) as muxer:
        muxer.video.encode(None)  # which has told how to decode, and is not needed any more
        count = 0
        for segment in segments:
            durations = dict(segment.shown())
            try:
                for tick, packet in read_packets(segment.path(folder), plan, segment.start):
                    packet.duration = durations.pop(tick)
                    packet.pts, packet.dts, packet.time_base = tick, next(decoded), plan.time_base
                    packet.stream = muxer.video
                    count += 1
                    muxer.write(packet, lasting=end - begin if count == frames else None)
            except (InputError, KeyError, av.FFmpegError) as error:
                raise _damaged(segment, folder) from error
            if durations:
                raise _damaged(segment, folder)
    longest = max(1 / plan.rate, max(ticks for segment in segments for ticks, _ in segment.spans) * plan.time_base)
    muxer.verify(Extent(frames, begin, end - begin, longest))


def _decoding_ticks(segments: Sequence[Segment]) -> Iterator[int]:
    """When the frames are decoded: at the ticks at which they are shown, in order, `delay` of them later."""
    delay = max(segment.delay for segment in segments)
    first, gap = segments[0].start, segments[0].spans[0][0]
    ahead = (first - places * gap for places in range(delay, 0, -1))
    return chain(ahead, (tick for segment in segments for tick, _ in segment.shown()))


def _extradata(segment: Segment, folder: Path) -> bytes | None:
    with open_input(segment.path(folder)) as container:
        return container.streams.video[0].codec_context.extradata


def _damaged(segment: Segment, folder: Path) -> OutputError:
    return OutputError("has changed since it was written", path=segment.path(folder), remedy="run the command again")
