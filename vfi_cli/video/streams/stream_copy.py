"""Copies the other streams of a clip packet by packet. Decodes only those that must be converted."""

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
from vfi_cli.video.streams.audio import ConvertedAudio
from vfi_cli.video.streams.packets import Durations, add_copy, write_packet
from vfi_cli.video.streams.stream_plan import KeptStream, StreamPlan, suggest_dropping
from vfi_cli.video.streams.subtitles import TextSubtitles
from vfi_cli.video.streams.tags import kept_tags, tag_stream
from vfi_cli.video.timestamps.offsets import Corrector
from vfi_cli.video.timestamps.packet_order import InOrder

# Seconds:
_INTERLEAVING = Fraction(2)  # a packet may be stored so much later than packets of the same time
_MAX_LINE = Fraction(60)  # a subtitle line that began at most so long before the used part is still shown
_DEFAULT_LINE = Fraction(2)  # how long a line without a duration is shown
_PREROLL = Fraction(1, 4)  # audio before the first converted sample, which decoders need
_EDIT_PREROLL = Fraction(1, 20)  # audio that an edit list cuts off, but that decoders need to start

# (suffix of the file name, subtype of the MIME type), by FFmpeg's name of the codec
_COVER_TYPES = {"mjpeg": ("jpg", "jpeg"), "png": ("png", "png"), "gif": ("gif", "gif"), "tiff": ("tif", "tiff")}

_Timed = tuple[Fraction, "Packet[Stream]"]  # time in the output, in seconds; the packet, with times of the output


class StreamCopy:
    """Copies or converts the other streams of a clip into an output, interleaved with its video.

    Args:
        info: the clip.
        plan: which streams are kept, and how.
        origin: the time in the source, in seconds and multiplied by `stretch`, that becomes 0 in the output.
        start, stop: keep packets with start <= time < stop, in seconds after the first frame. Lines of text are cut to
            this range.
        stretch: times of the source are this many times longer in the output.
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
        self._converters: dict[int, ConvertedAudio] = {}
        self._covers: list[Packet[Stream]] = []
        self._written: Counter[int] = Counter()  # number of packets, by stream of the output
        self._order = InOrder({index for index, kind in self._kinds.items() if kind == "audio"})
        self._corrector = Corrector(info.offsets)
        self._last_ticks: dict[int, int] = {}  # tick of the last packet, by stream of the output
        self._audio_outputs: set[int] = set()  # audio streams of the output
        self._durations = Durations()
        self._refused = 0
        self._packets = self._timed_packets()
        self._next: _Timed | None = None

    @property
    def damaged(self) -> int:
        """The number of packets so far that the decoder or the muxer refused."""
        return self._refused + sum(converter.damaged for converter in self._converters.values())

    @property
    def kinds(self) -> set[StreamKind]:
        """The kinds of the streams that are copied."""
        return {kept.info.kind for kept in self._plan.kept}

    @property
    def counts(self) -> Counter[str]:
        """How many streams of each kind a demuxer must find in the output; final after the last copy.

        Some containers drop a stream without packets, so a stream counts only if packets of it were written. Attached
        files have no packets and always count. A cover counts as video.
        """
        counts: Counter[str] = Counter()
        for kept in self._plan.kept:
            stream = self._outputs[kept.info.index]
            if self._written[stream.index] or kept.info.kind == "attachment":
                counts["video" if kept.info.cover else kept.info.kind] += 1
        return counts

    def attach(self, output: OutputContainer, format: OutputFormat, target: Path) -> None:
        """Add the streams to `output`, a file of format `format`. Its header must not be written yet.

        Raises OutputError, which names `target`, if the container refuses a stream.
        """
        self._format = format
        container = self._resources.enter_context(open_whole(self._info.path, self._info.reach))
        for kept in self._plan.kept:
            try:
                self._outputs[kept.info.index] = self._add_stream(output, container, kept)
            except (av.FFmpegError, ValueError, OutputError) as error:
                what = error.what if isinstance(error, OutputError) else f"{format.muxer} cannot hold {kept.info}"
                raise OutputError(what, path=target, remedy=suggest_dropping([kept.info.kind])) from error
        self._container = container
        self._next = next(self._packets, None)

    def _add_stream(self, output: OutputContainer, container: InputContainer | JoinedInput, kept: KeptStream) -> Stream:
        info, source = kept.info, container.streams[kept.info.index]
        tags = kept_tags(source.metadata) if self._plan.tags else {"language": info.language} if info.language else {}
        if info.cover:
            return self._add_cover(output, info, tags)
        if info.kind == "attachment":
            return add_copy(output, source)
        copy: Stream
        if kept.audio_codec is not None:
            end = self._stop - self._origin if self._stop is not None else None
            self._converters[info.index] = ConvertedAudio(output, source, kept.audio_codec, end)
            copy = self._converters[info.index].stream
        elif kept.codec:
            self._texts[info.index] = TextSubtitles(output, source, kept.codec)
            copy = self._texts[info.index].stream
        else:
            copy = add_copy(output, source)
        tag_stream(copy, self._format, tags, info.flags)
        if info.kind == "audio":
            self._audio_outputs.add(copy.index)
        return copy

    def _add_cover(self, output: OutputContainer, info: StreamInfo, tags: dict[str, str]) -> Stream:
        # A second container, because the one that packets are copied from must stay at its start.
        with open_input(self._info.path, self._info.reach) as container:
            image = next(packet for packet in container.demux(container.streams[info.index]) if packet.size)
        if not self._format.is_mp4:
            suffix, subtype = _COVER_TYPES[info.codec]
            return output.add_attachment(tags.get("filename", f"cover.{suffix}"), f"image/{subtype}", bytes(image))
        cover = output.add_mux_stream(info.codec, width=1, height=1)  # the real size is in the image
        tag_stream(cover, self._format, tags, ("attached_pic",))
        packet: Packet[Stream] = Packet(bytes(image))
        packet.stream, packet.time_base, packet.pts, packet.dts = cover, Fraction(1, 1000), 0, 0
        self._covers.append(packet)
        return cover

    def copy(self, output: OutputContainer, until: Fraction | None = None) -> None:
        """Write the packets that start before `until`, in seconds of the output; None: all remaining packets."""
        while self._next is not None and (until is None or self._next[0] < until):
            packet = self._next[1]
            if packet.stream_index in self._audio_outputs:
                self._durations.complete(packet)
            if Flags.ts_nonstrict not in Flags(output.format.flags):
                self._separate(packet)
            written = write_packet(output, packet)
            self._written[packet.stream_index] += written
            self._refused += not written
            self._next = next(self._packets, None)

    def _separate(self, packet: Packet[Stream]) -> None:
        """Move the packet to the next free tick, if its tick is not later than that of the packet before it."""
        stream = packet.stream
        assert packet.dts is not None and stream.time_base is not None
        ticks = round(packet.dts * packet.time_base / stream.time_base)
        late = self._last_ticks.get(stream.index, ticks - 1) + 1 - ticks
        if late > 0:
            delay = (packet.pts - packet.dts) * packet.time_base if packet.pts is not None else 0
            packet.duration = round((packet.duration or 0) * packet.time_base / stream.time_base)
            packet.time_base, packet.dts = Fraction(stream.time_base), ticks + late
            packet.pts = packet.dts + round(delay / stream.time_base)
        self._last_ticks[stream.index] = ticks + max(late, 0)

    @property
    def notes(self) -> list[str]:
        """One sentence for each kind of repair; final after the last copy."""
        left_out = self._corrector.dropped + self._order.left_out
        if not left_out:
            return []
        return [
            f"{left_out} audio packets were left out: they repeat others, overlap the next part or are out of order"
        ]

    def close(self) -> None:
        """Close the source."""
        self._packets.close()
        self._resources.close()

    def _timed_packets(self) -> Generator[_Timed, None, None]:
        """Yields the packets of all kept streams, with times of the output."""
        for packet in self._covers:
            yield Fraction(0), packet
        with suppress(av.FFmpegError):  # the file ends early: the decoder of the video reports it
            for packet in self._order.packets(self._read()):
                yield from self._place(packet)
        for text in self._texts.values():
            for line in text.flush():
                yield Fraction(0), line
        for converter in self._converters.values():
            for packet in converter.flush():
                yield _time(packet), packet

    def _read(self) -> Iterator[Packet[Stream]]:
        """Yields the packets of the part from `start` to `stop`, and some before and after it."""
        timed = {index for index, kind in self._kinds.items() if kind != "attachment"}
        audio = {index for index, kind in self._kinds.items() if kind == "audio"}
        if not timed:
            return
        read = [*timed] if self._stop is None or audio else [*timed, self._info.index]  # video times tell when to stop
        for stream in self._container.streams:
            if stream.index not in read:
                stream.discard = Discard.all
        if self._start is not None and self._info.offsets.seekable:
            margin = _MAX_LINE if "subtitle" in self._kinds.values() else _INTERLEAVING
            self._info.offsets.seek(self._container, max(self._start - margin, self._info.origin))
        ended: set[int] = set()  # streams that reached `stop`
        started: set[int] = set()  # streams of which a packet was used
        packets = self._container.demux([self._container.streams[index] for index in read])
        for packet in self._corrector.correct(packets):
            if not packet.size or packet.dts is None:
                continue
            time = (packet.pts if packet.pts is not None else packet.dts) * packet.time_base
            preroll = packet.stream_index not in started and -_EDIT_PREROLL <= time - self._info.origin < 0
            if packet.is_discard and not preroll:
                continue  # the edit list of an MP4 source cuts this packet off; the output has no edit list
            if not packet.is_discard:
                started.add(packet.stream_index)
            if self._stop is not None and time >= self._stop:
                ended.add(packet.stream_index)
                if ended >= timed or (ended >= audio and time >= self._stop + _INTERLEAVING):
                    return
            elif packet.stream_index in timed:
                yield packet

    def _place(self, packet: Packet[Stream]) -> Iterator[_Timed]:
        """Yields the packet, or the packets it is converted to, cut to the used part, with times of the output."""
        assert packet.dts is not None
        base, index = packet.time_base, packet.stream_index
        delay = (packet.pts - packet.dts) * base if packet.pts is not None else Fraction(0)
        time, duration = packet.dts * base, (packet.duration or 0) * base
        audio = self._kinds[index] == "audio"
        if index in self._texts:
            duration = duration or _DEFAULT_LINE
        start = self._start - _PREROLL if self._start is not None and index in self._converters else self._start
        if start is not None and time + delay < start:
            skipped = start - time - delay
            if audio or duration <= skipped:
                return
            time, duration = time + skipped, duration - skipped
        if self._stop is not None and not audio:
            duration = min(duration, self._stop - time - delay)
        begin = time * self._stretch - self._origin
        duration *= self._stretch
        if not audio and begin < 0:
            begin, duration = Fraction(0), max(duration + begin, Fraction(0))
        if index in self._converters:
            for converted in self._converters[index].convert(packet, begin):
                yield _time(converted), converted
            return
        if index in self._texts:
            for line in self._texts[index].convert(packet, begin, begin + duration):
                yield begin, line
            return
        packet.dts = round(begin / base)
        packet.pts = packet.dts + round(delay * self._stretch / base)
        packet.duration = round(duration / base)
        packet.stream = self._outputs[index]
        yield begin, packet


def _time(packet: Packet[Stream]) -> Fraction:
    """The time of a packet of converted audio, in seconds of the output."""
    return packet.pts * packet.time_base if packet.pts is not None else Fraction(0)
