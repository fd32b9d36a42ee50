"""Streams beside the picture, copied packet by packet: nothing is decoded that can be kept as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.format import Flags
from av.packet import Packet
from av.stream import Discard, Stream

from vfi_cli.errors import OutputError
from vfi_cli.video.clip import ClipInfo, StreamInfo, StreamKind
from vfi_cli.video.demux.joined_input import JoinedInput
from vfi_cli.video.demux.open_input import open_input, open_whole
from vfi_cli.video.formats import OutputFormat
from vfi_cli.video.streams.audio import ConvertedSound
from vfi_cli.video.streams.packets import Durations, add_copy, put
from vfi_cli.video.streams.stream_plan import KeptStream, StreamPlan, without
from vfi_cli.video.streams.subtitles import TextSubtitles
from vfi_cli.video.streams.tags import fresh_tags, tag_stream
from vfi_cli.video.timestamps.offsets import Corrector
from vfi_cli.video.timestamps.packet_order import InOrder

_LEAD = Fraction(2)  # seconds; packets may lie so far in the file from the picture of their time
_LINE = Fraction(60)  # seconds; a line of text may be on screen so long before the part that is used begins
_UNTIMED = Fraction(2)  # seconds; how long a line without a duration is shown
_RUN_UP = Fraction(1, 4)  # seconds before the first sample of converted sound, which decoders need
_PREROLL = Fraction(1, 20)  # seconds of sound that is not heard, but that decoders need to start
_COVER_TYPES = {"mjpeg": ("jpg", "jpeg"), "png": ("png", "png"), "gif": ("gif", "gif"), "tiff": ("tif", "tiff")}

_Timed = tuple[Fraction, "Packet[Stream]"]  # seconds in the output; the packet, on the clock of the output


class StreamCopy:
    """Copies streams of a clip into an output, in step with its pictures.

    Args:
        info: the clip.
        plan: which streams, and how.
        origin: the time of the file, in seconds of the output, that becomes 0.
        start, stop: keep start <= time < stop, in seconds after the first frame; lines of text are cut to that.
        stretch: times are so many times longer in the output.
    """

    def __init__(
        self,
        info: ClipInfo,
        plan: StreamPlan,
        *,
        origin: Fraction,
        start: Fraction | None = None,
        stop: Fraction | None = None,
        stretch: int = 1,
    ) -> None:
        self._info = info
        self._plan = plan
        self._origin = origin
        self._stretch = stretch
        self._start = info.start + start if start else None
        self._stop = info.start + stop if stop is not None else None
        self._resources = ExitStack()
        self._kinds = {kept.info.index: kept.info.kind for kept in plan.kept}
        self._outputs: dict[int, Stream] = {}
        self._texts: dict[int, TextSubtitles] = {}
        self._sounds: dict[int, ConvertedSound] = {}
        self._covers: list[Packet[Stream]] = []
        self._muxed: Counter[int] = Counter()  # packets of each stream of the output
        self._order = InOrder({index for index, kind in self._kinds.items() if kind == "audio"})
        self._corrector = Corrector(info.offsets)
        self._ticks: dict[int, int] = {}  # of the last packet of each stream of the output
        self._sounding: set[int] = set()  # streams of the output that are sound
        self._durations = Durations()
        self._refused = 0
        self._packets = self._timed()
        self._next: _Timed | None = None

    @property
    def damaged(self) -> int:
        """The number of packets so far that cannot be decoded, or whose data the output refuses."""
        return self._refused + sum(sound.damaged for sound in self._sounds.values())

    @property
    def kinds(self) -> set[StreamKind]:
        """The kinds of the streams that are copied."""
        return {kept.info.kind for kept in self._plan.kept}

    @property
    def counts(self) -> Counter[str]:
        """How many streams of each kind must be in the output, as a reader calls them; final after the last copy.

        A stream is expected if packets were written: some containers drop a track without packets. Attached files have
        no packets.
        """
        counts: Counter[str] = Counter()
        for kept in self._plan.kept:
            stream = self._outputs[kept.info.index]
            if self._muxed[stream.index] or kept.info.kind == "attachment":
                counts["video" if kept.info.cover else kept.info.kind] += 1
        return counts

    def attach(self, output: OutputContainer, format: OutputFormat, target: Path) -> None:
        """Add the streams to `output`, a file of that format, before its header is written.

        Raises OutputError, naming `target`, if its container refuses one.
        """
        self._format = format
        container = self._resources.enter_context(open_whole(self._info.path, self._info.reach))
        for kept in self._plan.kept:
            try:
                self._outputs[kept.info.index] = self._added(output, container, kept)
            except (av.FFmpegError, ValueError, OutputError) as error:
                what = error.what if isinstance(error, OutputError) else f"{format.muxer} cannot hold {kept.info}"
                raise OutputError(what, path=target, remedy=without([kept.info.kind])) from error
        self._container = container
        self._next = next(self._packets, None)

    def _added(self, output: OutputContainer, container: InputContainer | JoinedInput, kept: KeptStream) -> Stream:
        info, source = kept.info, container.streams[kept.info.index]
        tags = fresh_tags(source.metadata) if self._plan.tags else {"language": info.language} if info.language else {}
        if info.cover:
            return self._add_cover(output, info, tags)
        if info.kind == "attachment":
            return add_copy(output, source)
        copy: Stream
        if kept.sound is not None:
            end = self._stop - self._origin if self._stop is not None else None
            self._sounds[info.index] = ConvertedSound(output, source, kept.sound, end)
            copy = self._sounds[info.index].stream
        elif kept.codec:
            self._texts[info.index] = TextSubtitles(output, source, kept.codec)
            copy = self._texts[info.index].stream
        else:
            copy = add_copy(output, source)
        tag_stream(copy, self._format, tags, info.flags)
        if info.kind == "audio":
            self._sounding.add(copy.index)
        return copy

    def _add_cover(self, output: OutputContainer, info: StreamInfo, tags: dict[str, str]) -> Stream:
        with open_input(self._info.path, self._info.reach) as container:  # the one to copy from stays at its start
            picture = next(packet for packet in container.demux(container.streams[info.index]) if packet.size)
        if not self._format.is_mp4:
            ending, kind = _COVER_TYPES[info.codec]
            return output.add_attachment(tags.get("filename", f"cover.{ending}"), f"image/{kind}", bytes(picture))
        cover = output.add_mux_stream(info.codec, width=1, height=1)  # the size is in the picture, which is not parsed
        tag_stream(cover, self._format, tags, ("attached_pic",))
        packet: Packet[Stream] = Packet(bytes(picture))
        packet.stream, packet.time_base, packet.pts, packet.dts = cover, Fraction(1, 1000), 0, 0
        self._covers.append(packet)
        return cover

    def copy(self, output: OutputContainer, until: Fraction | None = None) -> None:
        """Write the packets that start before `until` seconds of the output; all that are left if None."""
        while self._next is not None and (until is None or self._next[0] < until):
            packet = self._next[1]
            if packet.stream_index in self._sounding:
                self._durations.complete(packet)
            if Flags.ts_nonstrict not in Flags(output.format.flags):
                self._separate(packet)
            written = put(output, packet)
            self._muxed[packet.stream_index] += written
            self._refused += not written
            self._next = next(self._packets, None)

    def _separate(self, packet: Packet[Stream]) -> None:
        """Move the packet to its own tick, if it has the same tick as the packet before it."""
        stream = packet.stream
        assert packet.dts is not None and stream.time_base is not None
        ticks = round(packet.dts * packet.time_base / stream.time_base)
        late = self._ticks.get(stream.index, ticks - 1) + 1 - ticks
        if late > 0:
            ahead = (packet.pts - packet.dts) * packet.time_base if packet.pts is not None else 0
            packet.duration = round((packet.duration or 0) * packet.time_base / stream.time_base)
            packet.time_base, packet.dts = Fraction(stream.time_base), ticks + late
            packet.pts = packet.dts + round(ahead / stream.time_base)
        self._ticks[stream.index] = ticks + max(late, 0)

    @property
    def notes(self) -> list[str]:
        """The repairs, one sentence each; final after the last copy."""
        left_out = self._corrector.dropped + self._order.left_out
        if not left_out:
            return []
        return [
            f"{left_out} packets of sound were left out: they repeat others, overlap the next part or are out of order"
        ]

    def close(self) -> None:
        """Release the file."""
        self._packets.close()
        self._resources.close()

    def _timed(self) -> Generator[_Timed, None, None]:
        for packet in self._covers:
            yield Fraction(0), packet
        with suppress(av.FFmpegError):  # a file that ends in the middle: the picture reports it
            for packet in self._order.packets(self._read()):
                yield from self._placed(packet)
        for text in self._texts.values():
            for line in text.flush():
                yield Fraction(0), line
        for sound in self._sounds.values():
            for packet in sound.flush():
                yield _time(packet), packet

    def _read(self) -> Iterator[Packet[Stream]]:
        """The packets of the part that is used, and some around it."""
        timed = {index for index, kind in self._kinds.items() if kind != "attachment"}
        sound = {index for index, kind in self._kinds.items() if kind == "audio"}
        if not timed:
            return
        read = [*timed] if self._stop is None or sound else [*timed, self._info.index]  # what tells when to stop
        for stream in self._container.streams:
            if stream.index not in read:
                stream.discard = Discard.all
        if self._start is not None and self._info.offsets.seekable:
            lead = _LINE if "subtitle" in self._kinds.values() else _LEAD
            self._info.offsets.seek(self._container, max(self._start - lead, self._info.origin))
        over: set[int] = set()
        begun: set[int] = set()  # streams of which something is to be heard or seen
        packets = self._container.demux([self._container.streams[index] for index in read])
        for packet in self._corrector.correct(packets):
            if not packet.size or packet.dts is None:
                continue
            time = (packet.pts if packet.pts is not None else packet.dts) * packet.time_base
            starts = packet.stream_index not in begun and -_PREROLL <= time - self._info.origin < 0
            if packet.is_discard and not starts:
                continue  # cut away by the edit list of an MP4 file, which no output has
            if not packet.is_discard:
                begun.add(packet.stream_index)
            if self._stop is not None and time >= self._stop:
                over.add(packet.stream_index)
                if over >= timed or (over >= sound and time >= self._stop + _LEAD):
                    return
            elif packet.stream_index in timed:
                yield packet

    def _placed(self, packet: Packet[Stream]) -> Iterator[_Timed]:
        """The packet, cut to the part that is used, on the clock of the output."""
        assert packet.dts is not None
        base, index = packet.time_base, packet.stream_index
        ahead = (packet.pts - packet.dts) * base if packet.pts is not None else Fraction(0)
        time, lasts = packet.dts * base, (packet.duration or 0) * base
        sound = self._kinds[index] == "audio"
        if index in self._texts:
            lasts = lasts or _UNTIMED
        start = self._start - _RUN_UP if self._start is not None and index in self._sounds else self._start
        if start is not None and time + ahead < start:
            late = start - time - ahead
            if sound or lasts <= late:
                return
            time, lasts = time + late, lasts - late
        if self._stop is not None and not sound:
            lasts = min(lasts, self._stop - time - ahead)
        begin = time * self._stretch - self._origin
        lasts *= self._stretch
        if not sound and begin < 0:
            begin, lasts = Fraction(0), max(lasts + begin, Fraction(0))
        if index in self._sounds:
            for heard in self._sounds[index].convert(packet, begin):
                yield _time(heard), heard
            return
        if index in self._texts:
            for line in self._texts[index].convert(packet, begin, begin + lasts):
                yield begin, line
            return
        packet.dts = round(begin / base)
        packet.pts = packet.dts + round(ahead * self._stretch / base)
        packet.duration = round(lasts / base)
        packet.stream = self._outputs[index]
        yield begin, packet


def _time(packet: Packet[Stream]) -> Fraction:
    """The time of a packet of converted sound, in seconds of the output."""
    return packet.pts * packet.time_base if packet.pts is not None else Fraction(0)
