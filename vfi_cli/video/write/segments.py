"""Writes the video of a resumable job as segments. Closed segments remain if the job is interrupted.

    000000.mkv    `length` frames, from a fresh encoder, so decodable without other segments
    000001.mkv    `length` frames
    ...           the last one may be shorter

Only the number of frames decides where a segment begins. So a resumed job makes the same segments, and the same frames,
as one that was not interrupted.

Matroska rounds times to milliseconds. So a segment writes each tick of the output as a whole number of milliseconds,
and ticks are read back exactly. The number is chosen so that a segment plays at about its real speed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path

import av
from av.packet import Packet
from av.video.stream import VideoStream

from vfi_cli.disk import sync_file
from vfi_cli.errors import InputError, OutputError, cannot_write
from vfi_cli.timing.timeline import Slot
from vfi_cli.video.container.marks import Marks
from vfi_cli.video.demux.open_input import open_input
from vfi_cli.video.formats import MKV
from vfi_cli.video.streams.stream_copy import StreamCopy
from vfi_cli.video.streams.tags import OutputTags
from vfi_cli.video.types import VideoFrame
from vfi_cli.video.write.encode import Encoder
from vfi_cli.video.write.encode_plan import EncodePlan
from vfi_cli.video.write.mux import Extent, Muxer
from vfi_cli.video.write.writer import AbortableWriter

_MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class Segment:
    """A closed segment, as it was read back from the disk.

    Args:
        number: position among the segments, from 0.
        start: the tick at which its first frame is shown.
        spans: pairs (ticks, frames): so many consecutive frames have a duration of `ticks` each.
        delay: the number of frames by which decoding must be ahead of presentation.
        size: size of the file, in bytes.
        digest: SHA-256 of the file, in hex.
    """

    number: int
    start: int
    spans: tuple[tuple[int, int], ...]
    delay: int
    size: int
    digest: str

    @property
    def frames(self) -> int:
        return sum(frames for _, frames in self.spans)

    @property
    def end(self) -> int:
        """The tick at which the last frame of the segment ends."""
        return self.start + sum(ticks * frames for ticks, frames in self.spans)

    def shown(self) -> Iterator[tuple[int, int]]:
        """Yields (tick, duration in ticks) of each frame of the segment, in presentation order."""
        tick = self.start
        for ticks, frames in self.spans:
            for _ in range(frames):
                yield tick, ticks
                tick += ticks

    def path(self, folder: Path) -> Path:
        return segment_path(folder, self.number)

    def is_intact(self, folder: Path) -> bool:
        """Whether the file is unchanged since it was closed."""
        try:
            return self.path(folder).stat().st_size == self.size and _digest(self.path(folder)) == self.digest
        except OSError:
            return False


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.mkv"


def read_packets(path: Path, plan: EncodePlan, start: int) -> Iterator[tuple[int, Packet[VideoStream]]]:
    """Yields the packets of a segment in decoding order, each after the tick at which its frame is shown.

    start: the tick of the segment's first frame.

    Raises InputError or av.FFmpegError if the file cannot be read.
    """
    tick = _tick_in_segment(plan)
    with open_input(path) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size and packet.pts is not None:
                yield start + round(packet.pts * packet.time_base / tick), packet


class SegmentWriter(AbortableWriter):
    """Writes the frames of a job, in order, as segments. Reuses the `kept` segments of an earlier run.

    As a context manager it closes the last segment, or drops it if the job failed.

    Args:
        folder: the folder of the segments.
        plan: the output that the segments will be joined to.
        extradata: extradata of the encoder for the joined file. Every segment must have the same.
        length: frames per segment.
        kept: closed segments of an earlier run, by number.
        closed: called with every new segment, once its bytes are on the disk.

    Attributes:
        frames: number of frames written or skipped so far.
        segments: the closed or kept segments so far.
    """

    def __init__(
        self,
        folder: Path,
        plan: EncodePlan,
        extradata: bytes | None,
        *,
        length: int,
        kept: Mapping[int, Segment],
        closed: Callable[[Segment], None],
    ) -> None:
        self.frames = 0
        self.segments: list[Segment] = []
        self._folder = folder
        self._plan = plan
        self._extradata = extradata
        self._length = length
        self._kept = kept
        self._closed = closed
        self._encoder: Encoder | None = None
        self._kept_frames: Iterator[tuple[int, int]] = iter(())  # remaining frames of the current kept segment

    def is_kept(self, frame: int) -> bool:
        """Whether frame number `frame` of the job, counted from 0, is in a segment of an earlier run."""
        return frame // self._length in self._kept

    def write(self, item: VideoFrame | Slot) -> None:
        """Append a frame. For a frame in a kept segment, pass its slot instead; the slot's time is checked."""
        number, position = divmod(self.frames, self._length)
        if isinstance(item, Slot):
            if position == 0:
                self._kept_frames = self._kept[number].shown()
            tick, _ = next(self._kept_frames, (None, 0))
            if tick != self._plan.tick(item.pts):
                raise self._times_differ()
        else:
            if self._encoder is None:
                self._encoder = self._open(number)
            self._encoder.write(item)
        self.frames += 1
        if position == self._length - 1:
            self._finish()

    def _open(self, number: int) -> Encoder:
        encoder = Encoder(segment_path(self._folder, number), self._plan, muxer=_SegmentMuxer)
        if encoder.extradata != self._extradata:
            encoder.abort()
            raise OutputError(f"{self._plan.codec} writes other extradata for a later segment than for the first")
        return encoder

    def _finish(self) -> None:
        """Close the current segment."""
        if self._encoder is None:
            if next(self._kept_frames, None) is not None:
                raise self._times_differ()
            self.segments.append(self._kept[len(self.segments)])
            return
        self._encoder.close()
        extent, self._encoder = self._encoder.extent, None
        try:
            segment = self._read_back(len(self.segments), extent)
        except OSError as error:
            raise cannot_write(self._plan.target, error) from error
        self._closed(segment)
        self.segments.append(segment)

    def _read_back(self, number: int, extent: Extent) -> Segment:
        """Check the closed file and describe it. Raises OutputError if frames are missing or have other times."""
        path = segment_path(self._folder, number)
        sync_file(path)
        try:
            decoded = [tick for tick, _ in read_packets(path, self._plan, extent.start)]
        except (InputError, av.FFmpegError, IndexError) as error:
            raise OutputError(f"cannot be read back: {error}", path=path) from error
        positions = {tick: position for position, tick in enumerate(sorted(decoded))}
        if len(positions) != extent.frames or min(positions) != extent.start:
            raise OutputError(f"holds {len(positions)} frames, not {extent.frames} as written", path=path)
        gaps = (b - a for a, b in pairwise([*positions, extent.start + extent.ticks]))
        return Segment(
            number=number,
            start=extent.start,
            spans=tuple((ticks, len(list(run))) for ticks, run in groupby(gaps)),
            delay=max(position - positions[tick] for position, tick in enumerate(decoded)),
            size=path.stat().st_size,
            digest=_digest(path),
        )

    def _times_differ(self) -> OutputError:
        return OutputError(
            "job differs: the frames of the input have other times than in the interrupted run",
            path=self._plan.target,
            remedy="--restart discards the interrupted run",
        )

    def close(self) -> None:
        """Close the last segment."""
        if self.frames % self._length:
            self._finish()

    def abort(self) -> None:
        """Drop the current segment."""
        if self._encoder is not None:
            self._encoder.abort()
            with suppress(OSError):
                segment_path(self._folder, len(self.segments)).unlink(missing_ok=True)


class _SegmentMuxer(Muxer):
    """Writes a segment: only the video, with stretched times that begin at 0."""

    def __init__(self, temp_path: Path, plan: EncodePlan, streams: StreamCopy | None = None) -> None:
        output = MKV if plan.codec in _matroska_codecs() else plan.output
        super().__init__(temp_path, replace(plan, output=output, rotation=0, marks=Marks(), tags=OutputTags()), streams)
        self._start: int | None = None
        self._segment_tick = _tick_in_segment(plan)

    def write(self, packet: Packet[VideoStream], *, total_ticks: int | None = None) -> None:
        assert packet.pts is not None and packet.dts is not None
        if self._start is None:
            self._start = packet.pts  # in every segment, a fresh encoder returns the first frame first
        packet.pts -= self._start
        packet.dts -= self._start
        packet.time_base = self._segment_tick
        super().write(packet)


@cache
def _matroska_codecs() -> frozenset[str]:
    with av.open(os.devnull, "w", format=MKV.muxer) as container:
        return frozenset(container.supported_codecs)


def _tick_in_segment(plan: EncodePlan) -> Fraction:
    """Seconds per tick in a segment: a whole number of milliseconds, near the tick of the output."""
    return max(1, round(plan.time_base / _MILLISECOND)) * _MILLISECOND


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
