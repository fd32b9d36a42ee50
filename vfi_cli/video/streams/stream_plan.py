"""Chooses which streams of a clip go into an output, before anything is computed.

No list says everything that a muxer takes, and some muxers refuse only when the file is finished. So sound, subtitles
and data are tried: their first packets, copied or converted, go into a scratch file in memory. It is closed and read
back.
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
from vfi_cli.video.streams.audio import ConvertedSound, SoundCodec
from vfi_cli.video.streams.packets import Durations, add_copy, put
from vfi_cli.video.streams.read_back import is_whole, reads_back

# Read for a trial: so many packets of each stream, but no more than that in all.
_PACKETS = 4
_SCAN_PACKETS = 2_000
_SCAN_BYTES = 8 * 2**20
_PARTS = 4  # places of a file to look for streams that begin later

_OPTIONS = {"audio": "-an", "subtitle": "-sn", "data": "-dn", "attachment": "-dn"}  # that leave streams out
_STYLED = ("ass", "ssa")
_PGS = "hdmv_pgs_subtitle"  # of the subtitles made of pictures, the ones without a time of their own inside


@dataclass(frozen=True, slots=True)
class KeptStream:
    """A stream that is kept: converted to text of the kind `codec`, or copied packet by packet without one.

    Args:
        unmarked: its flags that the container does not know.
        sound: the codec that a track of sound is converted to; None: none.
    """

    info: StreamInfo
    codec: str = ""
    unmarked: tuple[str, ...] = ()
    sound: SoundCodec | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A stream that does not come along though nobody asked for that.

    Args:
        reason: the end of a sentence.
        refused: the container takes streams of this kind, but not this one.
        damaged: it could come along if it were whole.
    """

    info: StreamInfo
    reason: str
    refused: bool = False
    damaged: bool = False

    def __str__(self) -> str:
        return f"{self.info} is left out of the output: {self.reason}"


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What becomes of the streams beside the picture.

    Args:
        tags: titles and other tags come along; languages always do.
    """

    kept: tuple[KeptStream, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    tags: bool = True

    def warnings(self) -> Iterator[str]:
        """One sentence for each stream that does not come along, or not as it was."""
        yield from map(str, self.left_out)
        for stream in self.kept:
            if stream.codec and stream.info.codec in _STYLED:
                yield f"{stream.info} becomes {stream.codec}: how and where its lines are drawn is lost"
            if stream.unmarked:
                yield f"{stream.info} is no longer marked as {', '.join(stream.unmarked)}"

    @property
    def refused_sound(self) -> LeftOut | None:
        """A track that the container refuses, if none is kept; None where the output is as silent as it should be."""
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
    sound: SoundCodec | None = None,
) -> StreamPlan:
    """Which streams of the `wanted` kinds can be kept; see `StreamPlan` for `tags`.

    Args:
        output: the format to keep them in.
        stretch: times of the source are this many times longer in the output.
        sound: the codec that sound is converted to; None: it is copied.

    Raises InputError if the clip cannot be read any more.
    """
    asked = [stream for stream in info.others if stream.kind in wanted or stream.kind in ("video", "unknown")]
    if not asked:
        return StreamPlan(tags=tags)
    with open_input(info.path, info.reach) as source:
        trial = _MuxProbe(source, info, output, sound)
        verdicts = [trial.decide(stream, stretch) for stream in asked]
    return StreamPlan(
        tuple(decide for decide in verdicts if isinstance(decide, KeptStream)),
        tuple(decide for decide in verdicts if isinstance(decide, LeftOut)),
        tags,
    )


def without(kinds: Iterable[str]) -> str:
    """The remedy if streams of these kinds cause an error."""
    options = sorted({_OPTIONS[kind] for kind in kinds if kind in _OPTIONS})
    return f"leave streams out with {' or '.join(options)}" if options else ""


class _DamagedError(Exception):
    """Packets hold what no container takes."""


class _MuxProbe:
    """Tries what `output` takes of a clip that is open at its start."""

    def __init__(self, source: InputContainer, info: ClipInfo, output: OutputFormat, sound: SoundCodec | None) -> None:
        if len(source.streams) <= max(stream.index for stream in info.others):
            raise InputError("the file has changed since it was probed", path=info.path)
        self._output = output
        self._sound = sound
        self._streams = list(source.streams)
        tried = [stream.index for stream in info.others if stream.kind in ("audio", "subtitle", "data")]
        self._packets: dict[int, list[Packet[Stream]]] = {index: [] for index in tried}
        for stream in source.streams:
            if stream.index not in tried:
                stream.discard = Discard.all
        if tried and output.is_video:
            self._read(source)

    def _read(self, source: InputContainer) -> None:
        """The first packets of each stream. If a stream begins later, they are read from later places."""
        try:
            self._scan(source, set(self._packets), _SCAN_PACKETS, _SCAN_BYTES)
            for part in range(1, _PARTS):
                late = {index for index, packets in self._packets.items() if not packets}
                if not late or not source.duration:
                    return
                source.seek((source.start_time or 0) + source.duration * part // _PARTS)
                self._scan(source, late, _SCAN_PACKETS // _PARTS, _SCAN_BYTES // _PARTS)
        except av.FFmpegError:  # damage is for the decoder to report
            return

    def _scan(self, source: InputContainer, wanted: Collection[int], most: int, most_bytes: int) -> None:
        count = size = 0
        for packet in source.demux([self._streams[index] for index in self._packets]):
            if not packet.size or packet.dts is None:
                continue
            count, size = count + 1, size + packet.size
            packets = self._packets[packet.stream_index]
            if packet.stream_index in wanted and len(packets) < _PACKETS:
                packets.append(packet)
            if all(len(self._packets[index]) == _PACKETS for index in wanted) or count >= most or size >= most_bytes:
                return

    def decide(self, stream: StreamInfo, stretch: int) -> KeptStream | LeftOut:
        if not self._output.is_video:
            return LeftOut(stream, f"{self._output.muxer} holds nothing but pictures")
        if stream.kind == "video":
            number = sum(other.type == "video" for other in self._streams[: stream.index])
            return LeftOut(stream, f"only one video stream is interpolated (--video-stream {number} chooses this one)")
        if stream.stranger:
            return LeftOut(stream, "it belongs to another programme than the picture")
        if stream.kind == "unknown":
            return LeftOut(stream, "nothing is known about it")
        if stream.kind == "attachment":
            return self._attached(stream)
        if stretch > 1 and stream.kind == "audio":
            return LeftOut(stream, "slow motion is silent")
        text = _is_text(stream.codec)
        if stretch > 1 and stream.kind == "subtitle" and not text and stream.codec != _PGS:
            return LeftOut(stream, "its pictures hold times that cannot be stretched")
        if stream.kind == "audio" and not is_known(self._streams[stream.index]):
            return LeftOut(stream, "the file does not tell its sample rate", refused=True)
        known = self._output.stream_flags
        unmarked = tuple(flag for flag in stream.flags if known is not None and flag not in known)
        try:
            if stream.kind == "audio" and self._sound is not None:
                return self._converted(stream, self._sound, unmarked)
            if not self._output.plays_pcm and stream.codec.startswith("pcm_"):
                return LeftOut(stream, f"hardly any player finds {stream.codec} in {self._output.muxer}", refused=True)
            if self._takes(stream):
                return KeptStream(stream, unmarked=unmarked)
        except _DamagedError:
            return LeftOut(stream, "its beginning is damaged", damaged=True)
        if text:
            return KeptStream(stream, self._output.text_codec, unmarked)
        return LeftOut(stream, f"{self._output.muxer} does not hold {stream.codec or 'its codec'}", refused=True)

    def _attached(self, stream: StreamInfo) -> KeptStream | LeftOut:
        if stream.cover and stream.codec in self._output.cover_codecs:
            return KeptStream(stream)
        if not stream.cover and self._output.attachments:
            return KeptStream(stream)
        return LeftOut(stream, f"{self._output.muxer} does not hold attached {'pictures' if stream.cover else 'files'}")

    def _converted(self, stream: StreamInfo, sound: SoundCodec, unmarked: tuple[str, ...]) -> KeptStream | LeftOut:
        """Whether the stream can be decoded and encoded, and the container takes the result.

        Raises _DamagedError if none of its first packets can be decoded.
        """
        template, packets = self._streams[stream.index], self._packets[stream.index]
        scratch = io.BytesIO()
        made: list[Packet[Stream]] = []
        try:
            with av.open(scratch, "w", format=self._output.muxer) as output:
                converted = ConvertedSound(output, template, sound)
                output.start_encoding()
                start = packets[0].dts * packets[0].time_base if packets and packets[0].dts is not None else 0
                for packet in packets:
                    assert packet.dts is not None
                    made += converted.convert(packet, packet.dts * packet.time_base - start)
                made += converted.flush()
                data = [bytes(one) for one in made if put(output, one)]
            if packets and converted.damaged == len(packets):
                raise _DamagedError
            if not packets or reads_back(scratch, converted.stream, [], data):
                return KeptStream(stream, unmarked=unmarked, sound=sound)
        except OutputError as error:
            return LeftOut(stream, str(error), refused=True)
        except (av.FFmpegError, ValueError):
            pass
        return LeftOut(stream, f"{self._output.muxer} does not hold {sound.name}", refused=True)

    def _takes(self, stream: StreamInfo) -> bool:
        """Whether its first packets can be written, and read back as what they were.

        Raises _DamagedError if they are refused for what is in them.
        """
        template, packets = self._streams[stream.index], self._packets[stream.index]
        scratch = io.BytesIO()
        try:
            with av.open(scratch, "w", format=self._output.muxer) as output:
                copy = add_copy(output, template)
                output.start_encoding()
                durations = Durations()
                early = bool(packets) and packets[-1].dts is not None and packets[-1].dts < 0
                begin = packets[0].dts if early else None  # most packets before 0 are not read back: shift them
                for packet in packets:
                    packet.stream = copy
                    if begin is not None and packet.dts is not None:
                        packet.pts = packet.dts = packet.dts - begin
                    if stream.kind == "audio":
                        durations.complete(packet)
                taken = [bytes(packet) for packet in packets if put(output, packet)]
            if not packets:  # the muxer took the header, and there are no packets to read back
                return True
            if not taken and stream.kind == "audio" and not is_whole(template, packets):
                raise _DamagedError
            return reads_back(scratch, template, packets, taken)
        except (av.FFmpegError, ValueError):
            return False


def _is_text(codec: str) -> bool:
    """Whether FFmpeg can read `codec` as lines of text."""
    try:
        return bool(Properties(av.Codec(codec, "r").properties) & Properties.TEXT_SUB)
    except UnknownCodecError:
        return False
