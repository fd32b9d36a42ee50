"""The picture of a long job in closed pieces, which outlive whatever ends the job.

    000000.mkv    `length` frames, from a fresh encoder, hence decodable by themselves
    000001.mkv    `length` frames
    ...           the last one may be shorter

Where a piece begins depends on the count of frames alone, so that a job that was interrupted and carried on cuts at
the same places as one that was not, and its frames are the same.

Matroska rounds times to milliseconds. So a tick of the output is written as a whole number of milliseconds, as many
as make a piece play at about its speed, and read back exactly.
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

from vfi_cli.errors import InputError, OutputError, cannot_write
from vfi_cli.timing.timeline import Slot
from vfi_cli.video.container.marks import Marks
from vfi_cli.video.demux.open_input import open_input
from vfi_cli.video.formats import MKV
from vfi_cli.video.location.disk import sync_file
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
    """A closed piece, as it was read back from the disk.

    Args:
        number: counted from 0.
        start: the tick at which its first frame is shown.
        spans: (ticks, frames): so many frames in a row are shown for so many ticks each.
        delay: by how many frames decoding must run ahead of showing.
        size: of the file, in bytes; `digest`: its SHA-256 in hex.
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
        """The tick at which its last frame ceases to be shown."""
        return self.start + sum(ticks * frames for ticks, frames in self.spans)

    def shown(self) -> Iterator[tuple[int, int]]:
        """(tick, duration in ticks) of its frames, in order."""
        tick = self.start
        for ticks, frames in self.spans:
            for _ in range(frames):
                yield tick, ticks
                tick += ticks

    def path(self, folder: Path) -> Path:
        return segment_path(folder, self.number)

    def is_intact(self, folder: Path) -> bool:
        """Whether the file is what it was when it was closed."""
        try:
            return self.path(folder).stat().st_size == self.size and _digest(self.path(folder)) == self.digest
        except OSError:
            return False


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.mkv"


def read_packets(path: Path, plan: EncodePlan, start: int) -> Iterator[tuple[int, Packet[VideoStream]]]:
    """(tick at which it is shown, packet) of a piece that is shown from `start` on, in the order of decoding.

    Raises InputError or av.FFmpegError for a file that cannot be read.
    """
    tick = _stretched_tick(plan)
    with open_input(path) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size and packet.pts is not None:
                yield start + round(packet.pts * packet.time_base / tick), packet


class SegmentWriter(AbortableWriter):
    """Writes the frames of a job, in order, as pieces; what is `kept` of them need not be made again.

    As a context manager it closes the last piece, or drops it if the job failed.

    Args:
        folder: where the pieces are.
        plan: what they will be joined to.
        extradata: what the encoder says about the picture, in the joined file and hence in every piece.
        length: frames of a piece.
        kept: closed pieces of an earlier run, by number.
        closed: told of every new piece, once its bytes are on the disk.

    Attributes:
        frames: written or skipped so far.
        segments: the pieces so far.
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
        self._expected: Iterator[tuple[int, int]] = iter(())  # what is left of the kept piece at hand

    def is_kept(self, frame: int) -> bool:
        """Whether that frame of the job, counted from 0, is in a piece of an earlier run."""
        return frame // self._length in self._kept

    def write(self, item: VideoFrame | Slot) -> None:
        """Append a frame; of one that is kept, its slot."""
        number, place = divmod(self.frames, self._length)
        if isinstance(item, Slot):
            if place == 0:
                self._expected = self._kept[number].shown()
            tick, _ = next(self._expected, (None, 0))
            if tick != self._plan.tick(item.pts):
                raise self._moved()
        else:
            if self._encoder is None:
                self._encoder = self._open(number)
            self._encoder.write(item)
        self.frames += 1
        if place == self._length - 1:
            self._finish()

    def _open(self, number: int) -> Encoder:
        encoder = Encoder(segment_path(self._folder, number), self._plan, muxer=_SegmentMuxer)
        if encoder.extradata != self._extradata:
            encoder.abort()
            raise OutputError(f"{self._plan.codec} describes a later part of the picture in another way than the first")
        return encoder

    def _finish(self) -> None:
        """Close the piece at hand."""
        if self._encoder is None:
            if next(self._expected, None) is not None:
                raise self._moved()
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
        path = segment_path(self._folder, number)
        sync_file(path)
        try:
            decoded = [tick for tick, _ in read_packets(path, self._plan, extent.start)]
        except (InputError, av.FFmpegError, IndexError) as error:
            raise OutputError(f"cannot be read back: {error}", path=path) from error
        shown = {tick: place for place, tick in enumerate(sorted(decoded))}
        if len(shown) != extent.frames or min(shown) != extent.start:
            raise OutputError(f"holds {len(shown)} frames, not {extent.frames} as written", path=path)
        gaps = (b - a for a, b in pairwise([*shown, extent.start + extent.ticks]))
        return Segment(
            number=number,
            start=extent.start,
            spans=tuple((ticks, len(list(run))) for ticks, run in groupby(gaps)),
            delay=max(place - shown[tick] for place, tick in enumerate(decoded)),
            size=path.stat().st_size,
            digest=_digest(path),
        )

    def _moved(self) -> OutputError:
        return OutputError(
            "job differs: the frames of the input are not where they were in the interrupted run",
            path=self._plan.target,
            remedy="--restart begins anew",
        )

    def close(self) -> None:
        """Close the last piece."""
        if self.frames % self._length:
            self._finish()

    def abort(self) -> None:
        """Drop the piece at hand."""
        if self._encoder is not None:
            self._encoder.abort()
            with suppress(OSError):
                segment_path(self._folder, len(self.segments)).unlink(missing_ok=True)


class _SegmentMuxer(Muxer):
    """A piece: the picture alone, at stretched times that begin with 0."""

    def __init__(self, temp_path: Path, plan: EncodePlan, streams: StreamCopy | None = None) -> None:
        output = MKV if plan.codec in _matroska_codecs() else plan.output
        super().__init__(temp_path, replace(plan, output=output, rotation=0, marks=Marks(), tags=OutputTags()), streams)
        self._start: int | None = None
        self._stretched = _stretched_tick(plan)

    def write(self, packet: Packet[VideoStream], *, lasting: int | None = None) -> None:
        assert packet.pts is not None and packet.dts is not None
        if self._start is None:
            self._start = packet.pts  # a fresh encoder begins with the first frame
        packet.pts -= self._start
        packet.dts -= self._start
        packet.time_base = self._stretched
        super().write(packet)


@cache
def _matroska_codecs() -> frozenset[str]:
    with av.open(os.devnull, "w", format=MKV.muxer) as container:
        return frozenset(container.supported_codecs)


def _stretched_tick(plan: EncodePlan) -> Fraction:
    return max(1, round(plan.time_base / _MILLISECOND)) * _MILLISECOND


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
