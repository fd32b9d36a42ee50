"""Chooses which streams of a clip go into an output, before anything is computed.

No list states everything that a muxer takes, and some muxers refuse a stream only when the file is finished. So audio,
subtitles and data are tried: their first packets, copied or converted, are written to a file in memory. This file is
closed and read back.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import av
from av.codec.codec import Properties, UnknownCodecError
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from vfi_cli.errors import InputError, OutputError
from vfi_cli.video.clip import ClipInfo, StreamInfo, StreamKind
from vfi_cli.video.demux.late_streams import is_known
from vfi_cli.video.demux.open_input import open_input
from vfi_cli.video.formats import OutputFormat
from vfi_cli.video.streams.audio import AudioCodec, ConvertedAudio
from vfi_cli.video.streams.packets import Durations, add_copy, write_packet
from vfi_cli.video.streams.read_back import is_decodable, reads_back

_TRIED = 4  # packets of each stream that are tried
_SCAN_PACKETS = 2_000  # limits of what is read to find these packets
_SCAN_BYTES = 8 * 2**20
_SCAN_PLACES = 4  # if a stream begins late, its packets are searched at so many places of the file

_DROP_OPTIONS = {"audio": "-an", "subtitle": "-sn", "data": "-dn", "attachment": "-dn"}  # by kind of stream
_STYLED_TEXT = ("ass", "ssa")
_PGS = "hdmv_pgs_subtitle"  # the only image subtitles whose packets contain no times


@dataclass(frozen=True, slots=True)
class KeptStream:
    """A stream that is kept: copied packet by packet, or converted.

    Args:
        info: the stream of the source.
        codec: the codec that text subtitles are converted to; empty: they are copied.
        lost_flags: flags of the stream that the container cannot hold.
        audio_codec: the codec that audio is converted to; None: it is copied.
    """

    info: StreamInfo
    codec: str = ""
    lost_flags: tuple[str, ...] = ()
    audio_codec: AudioCodec | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A stream that is left out although the user did not ask for that.

    Args:
        info: the stream of the source.
        reason: why; in messages, it follows a colon.
        refused: the container takes streams of this kind, but not this one.
        damaged: the stream would be kept if its packets were not damaged.
    """

    info: StreamInfo
    reason: str
    refused: bool = False
    damaged: bool = False

    def __str__(self) -> str:
        return f"{self.info} is left out of the output: {self.reason}"


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """Which streams other than the interpolated video are kept, and which are left out.

    Args:
        kept: the streams that are copied or converted.
        left_out: the streams that are not kept although the user did not exclude them.
        tags: keep titles and other tags of streams; languages are always kept.
    """

    kept: tuple[KeptStream, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    tags: bool = True

    def warnings(self) -> Iterator[str]:
        """One sentence for each stream that is left out, and for each loss of a kept stream."""
        yield from map(str, self.left_out)
        for stream in self.kept:
            if stream.codec and stream.info.codec in _STYLED_TEXT:
                yield f"{stream.info} becomes {stream.codec}: the style and position of its lines are lost"
            if stream.lost_flags:
                yield f"{stream.info} is no longer marked as {', '.join(stream.lost_flags)}"

    @property
    def refused_audio(self) -> LeftOut | None:
        """The first audio stream that the container refuses, if no audio is kept; else None."""
        if any(stream.info.kind == "audio" for stream in self.kept):
            return None
        return next((out for out in self.left_out if out.refused and out.info.kind == "audio"), None)


def plan_streams(
    info: ClipInfo,
    output: OutputFormat,
    *,
    wanted: Collection[StreamKind],
    stretch: int = 1,
    tags: bool = True,
    audio_codec: AudioCodec | None = None,
) -> StreamPlan:
    """Decide which streams of the `wanted` kinds are kept, copied or converted.

    Args:
        info: the source.
        output: the format of the output.
        wanted: the kinds of streams that the user wants.
        stretch: times of the source are this many times longer in the output.
        tags: see `StreamPlan`.
        audio_codec: the codec that audio is converted to; None: it is copied.

    Raises InputError if the clip cannot be read any more.
    """
    asked = [stream for stream in info.others if stream.kind in wanted or stream.kind in ("video", "unknown")]
    if not asked:
        return StreamPlan(tags=tags)
    with open_input(info.path, info.reach) as source:
        probe = _MuxProbe(source, info, output, audio_codec)
        decisions = [probe.decide(stream, stretch) for stream in asked]
    return StreamPlan(
        tuple(decision for decision in decisions if isinstance(decision, KeptStream)),
        tuple(decision for decision in decisions if isinstance(decision, LeftOut)),
        tags,
    )


def suggest_dropping(kinds: Iterable[str]) -> str:
    """The remedy for an error that streams of these kinds cause; empty if no option leaves them out."""
    options = sorted({_DROP_OPTIONS[kind] for kind in kinds if kind in _DROP_OPTIONS})
    return f"leave streams out with {' or '.join(options)}" if options else ""


class _DamagedError(Exception):
    """The packets are damaged, so that no container takes them."""


class _MuxProbe:
    """Tries which streams of a clip `output` takes. `source` is the open clip, of which nothing has been read yet."""

    def __init__(
        self, source: InputContainer, info: ClipInfo, output: OutputFormat, audio_codec: AudioCodec | None
    ) -> None:
        if len(source.streams) <= max(stream.index for stream in info.others):
            raise InputError("the file has changed since it was probed", path=info.path)
        self._output = output
        self._audio_codec = audio_codec
        self._streams = list(source.streams)
        tried = [stream.index for stream in info.others if stream.kind in ("audio", "subtitle", "data")]
        self._packets: dict[int, list[Packet[Stream]]] = {index: [] for index in tried}
        for stream in source.streams:
            if stream.index not in tried:
                stream.discard = Discard.all
        if tried and output.is_video:
            self._read_packets(source)

    def _read_packets(self, source: InputContainer) -> None:
        """Read the first packets of each stream. For a stream that begins late, try later places of the file."""
        try:
            self._scan(source, set(self._packets), _SCAN_PACKETS, _SCAN_BYTES)
            for part in range(1, _SCAN_PLACES):
                late = {index for index, packets in self._packets.items() if not packets}
                if not late or not source.duration:
                    return
                source.seek((source.start_time or 0) + source.duration * part // _SCAN_PLACES)
                self._scan(source, late, _SCAN_PACKETS // _SCAN_PLACES, _SCAN_BYTES // _SCAN_PLACES)
        except av.FFmpegError:  # the decoder will report the damage
            return

    def _scan(self, source: InputContainer, wanted: Collection[int], max_count: int, max_bytes: int) -> None:
        count = size = 0
        for packet in source.demux([self._streams[index] for index in self._packets]):
            if not packet.size or packet.dts is None:
                continue
            count, size = count + 1, size + packet.size
            packets = self._packets[packet.stream_index]
            if packet.stream_index in wanted and len(packets) < _TRIED:
                packets.append(packet)
            if all(len(self._packets[index]) == _TRIED for index in wanted) or count >= max_count or size >= max_bytes:
                return

    def decide(self, stream: StreamInfo, stretch: int) -> KeptStream | LeftOut:
        """Whether and how `stream` is kept."""
        if not self._output.is_video:
            return LeftOut(stream, f"{self._output.muxer} holds nothing but images")
        if stream.kind == "video":
            number = sum(other.type == "video" for other in self._streams[: stream.index])
            return LeftOut(stream, f"only one video stream is interpolated (--video-stream {number} chooses this one)")
        if stream.other_program:
            return LeftOut(stream, "it belongs to another programme than the video")
        if stream.kind == "unknown":
            return LeftOut(stream, "its kind is unknown")
        if stream.kind == "attachment":
            return self._decide_attachment(stream)
        if stretch > 1 and stream.kind == "audio":
            return LeftOut(stream, "slow motion has no audio")
        text = _is_text(stream.codec)
        if stretch > 1 and stream.kind == "subtitle" and not text and stream.codec != _PGS:
            return LeftOut(stream, "its images contain times that cannot be stretched")
        if stream.kind == "audio" and not is_known(self._streams[stream.index]):
            return LeftOut(stream, "the file does not state its sample rate", refused=True)
        known = self._output.stream_flags
        lost_flags = tuple(flag for flag in stream.flags if known is not None and flag not in known)
        try:
            if stream.kind == "audio" and self._audio_codec is not None:
                return self._decide_audio(stream, self._audio_codec, lost_flags)
            if not self._output.plays_pcm and stream.codec.startswith("pcm_"):
                return LeftOut(stream, f"few players can play {stream.codec} in {self._output.muxer}", refused=True)
            if self._can_copy(stream):
                return KeptStream(stream, lost_flags=lost_flags)
        except _DamagedError:
            return LeftOut(stream, "its beginning is damaged", damaged=True)
        if text:
            return KeptStream(stream, self._output.text_codec, lost_flags)
        return LeftOut(stream, f"{self._output.muxer} does not hold {stream.codec or 'its codec'}", refused=True)

    def _decide_attachment(self, stream: StreamInfo) -> KeptStream | LeftOut:
        if stream.cover and stream.codec in self._output.cover_codecs:
            return KeptStream(stream)
        if not stream.cover and self._output.attachments:
            return KeptStream(stream)
        return LeftOut(stream, f"{self._output.muxer} does not hold attached {'images' if stream.cover else 'files'}")

    def _decide_audio(
        self, stream: StreamInfo, audio_codec: AudioCodec, lost_flags: tuple[str, ...]
    ) -> KeptStream | LeftOut:
        """Keep the audio stream if it can be decoded and encoded, and the container takes the result.

        Raises _DamagedError if none of its first packets can be decoded.
        """
        template, packets = self._streams[stream.index], self._packets[stream.index]
        scratch = io.BytesIO()
        encoded: list[Packet[Stream]] = []
        try:
            with av.open(scratch, "w", format=self._output.muxer) as output:
                converted = ConvertedAudio(output, template, audio_codec)
                output.start_encoding()
                start = packets[0].dts * packets[0].time_base if packets and packets[0].dts is not None else 0
                for packet in packets:
                    assert packet.dts is not None
                    encoded += converted.convert(packet, packet.dts * packet.time_base - start)
                encoded += converted.flush()
                data = [bytes(packet) for packet in encoded if write_packet(output, packet)]
            if packets and converted.damaged == len(packets):
                raise _DamagedError
            if not packets or reads_back(scratch, converted.stream, [], data):
                return KeptStream(stream, lost_flags=lost_flags, audio_codec=audio_codec)
        except OutputError as error:
            return LeftOut(stream, str(error), refused=True)
        except (av.FFmpegError, ValueError):
            pass
        return LeftOut(stream, f"{self._output.muxer} does not hold {audio_codec.name}", refused=True)

    def _can_copy(self, stream: StreamInfo) -> bool:
        """Whether the first packets of the stream can be copied and then read back unchanged.

        Raises _DamagedError if the muxer refuses all of them and they cannot be decoded.
        """
        template, packets = self._streams[stream.index], self._packets[stream.index]
        scratch = io.BytesIO()
        try:
            with av.open(scratch, "w", format=self._output.muxer) as output:
                copy = add_copy(output, template)
                output.start_encoding()
                durations = Durations()
                early = bool(packets) and packets[-1].dts is not None and packets[-1].dts < 0
                begin = packets[0].dts if early else None  # few demuxers return packets before 0, so all are shifted
                for packet in packets:
                    packet.stream = copy
                    if begin is not None and packet.dts is not None:
                        packet.pts = packet.dts = packet.dts - begin
                    if stream.kind == "audio":
                        durations.complete(packet)
                accepted = [bytes(packet) for packet in packets if write_packet(output, packet)]
            if not packets:  # the muxer took the header, and there are no packets to read back
                return True
            if not accepted and stream.kind == "audio" and not is_decodable(template, packets):
                raise _DamagedError
            return reads_back(scratch, template, packets, accepted)
        except (av.FFmpegError, ValueError):
            return False


def _is_text(codec: str) -> bool:
    """Whether `codec` is a text subtitle codec that FFmpeg can decode."""
    try:
        return bool(Properties(av.Codec(codec, "r").properties) & Properties.TEXT_SUB)
    except UnknownCodecError:
        return False
