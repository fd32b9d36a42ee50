"""Sound, copied packet by packet: nothing is decoded, so nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from vfi_cli.errors import OutputError
from vfi_cli.video.probe import open_input
from vfi_cli.video.types import ClipInfo

# Tags that describe the file they were read from begin so; the rest is about the content.
_STALE_TAGS = (
    *("major_brand", "minor_version", "compatible_brands", "encoder"),
    *("duration", "bps", "number_of_", "_statistics"),
)
_JUMP = Fraction(1)  # a clock that runs back by more has been restarted; less is a repeated packet
_LEAD = Fraction(2)  # sound may sit in the file so far ahead of the picture of its time


def fresh_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """The tags that are still true of a copy."""
    return {key: tag for key, tag in metadata.items() if not key.lower().startswith(_STALE_TAGS)}


class StreamCopy:
    """Copies the audio streams of a clip into an output, in step with its pictures.

    Args:
        info: the clip.
        origin: the time of the file, in seconds, that becomes 0 in the output.
        start, stop: keep start <= time < stop, in seconds after the first frame.
    """

    def __init__(
        self,
        info: ClipInfo,
        *,
        origin: Fraction,
        start: Fraction | None = None,
        stop: Fraction | None = None,
    ) -> None:
        self._info = info
        self._origin = origin
        self._start = info.start + start if start else None
        self._stop = info.start + stop if stop is not None else None
        self._resources = ExitStack()
        self._outputs: dict[int, Stream] = {}
        self._packets = self._timed()
        self._next: tuple[Fraction, Packet[Stream]] | None = None

    @property
    def counts(self) -> Counter[str]:
        """How many streams of each kind are copied, as a reader of the output will call them."""
        return Counter(stream.type for stream in self._outputs.values())

    def attach(self, output: OutputContainer, target: Path) -> None:
        """Add the streams to `output`, before its header is written.

        Raises OutputError, naming `target` and the codec that its container refuses.
        """
        container = self._resources.enter_context(open_input(self._info.path))
        for stream in container.streams:
            if stream.index not in {kept.index for kept in self._info.audio}:
                stream.discard = Discard.all
        for info in self._info.audio:
            stream = container.streams[info.index]
            refusal = OutputError(
                f"{output.format.name} cannot hold the audio codec {info.codec}",
                path=target,
                remedy="write a .mov or .mkv file, or drop the sound with -an",
            )
            if output.format.name == "mp4" and info.codec.startswith("pcm_"):
                raise refusal  # the muxer would, but not before the trailer
            try:
                copy = output.add_stream_from_template(stream)
            except (av.FFmpegError, ValueError) as error:
                raise refusal from error
            copy.metadata.update(fresh_tags(stream.metadata))
            copy.disposition = stream.disposition
            self._outputs[info.index] = copy
        self._container = container
        self._next = next(self._packets, None)

    def copy(self, output: OutputContainer, until: Fraction | None = None) -> None:
        """Write the packets that start before `until` seconds of the output; all that are left if None."""
        while self._next is not None and (until is None or self._next[0] < until):
            output.mux(self._next[1])
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Release the file."""
        self._packets.close()
        self._resources.close()

    def _timed(self) -> Generator[tuple[Fraction, Packet[Stream]], None, None]:
        """(time in the output, packet on the clock of the output)."""
        streams = [stream for stream in self._container.streams.audio if stream.index in self._outputs]
        if self._start is not None:
            self._container.seek(int(max(self._start - _LEAD, self._info.origin) * av.time_base))
        shifts = dict.fromkeys(self._outputs, -self._origin)
        lasts: dict[int, tuple[Fraction, Fraction]] = {}  # start and end of the last packet of each stream
        done: set[int] = set()  # streams past the end of the part
        with suppress(av.FFmpegError):  # a file that ends in the middle: the picture reports it
            for packet in self._container.demux(*streams):
                base, index = packet.time_base, packet.stream_index
                if not packet.size or packet.dts is None:
                    continue
                shown = (packet.pts if packet.pts is not None else packet.dts) * base
                if self._stop is not None and shown >= self._stop:
                    done.add(index)
                    if len(done) == len(streams):
                        return
                    continue
                if self._start is not None and shown < self._start:
                    continue
                time = packet.dts * base + shifts[index]
                begin, end = lasts.get(index, (None, time))
                if begin is not None and time <= begin:
                    if begin - time < _JUMP:
                        continue
                    shifts[index] += end - time
                    time = end
                lasts[index] = time, time + (packet.duration or 0) * base
                lead = packet.pts - packet.dts if packet.pts is not None else 0
                packet.dts = round(time / base)
                packet.pts = packet.dts + lead
                packet.stream = self._outputs[index]
                yield time, packet
