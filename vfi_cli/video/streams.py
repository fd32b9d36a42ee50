"""Which streams of a clip come along into an output, settled before anything is computed.

What a muxer takes is nowhere written down in full, and some refuse only when the file is finished. So sound, subtitles
and data are tried: their first packets go into a scratch file in memory, which is closed and read back.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av.codec.codec import Properties, UnknownCodecError
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from vfi_cli.errors import InputError, OutputError
from vfi_cli.video.contents import codec_name
from vfi_cli.video.output import CONTAINERS
from vfi_cli.video.probe import open_input
from vfi_cli.video.types import ClipInfo, StreamInfo, StreamKind

# Read for a trial: so many packets of each stream, but no more than that in all.
_PACKETS = 4
_SCAN_PACKETS = 2_000
_SCAN_BYTES = 8 * 2**20

_TEXT_CODECS = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
_COVER_CODECS = {"matroska": ("mjpeg", "png", "gif", "tiff"), "mp4": ("mjpeg", "png", "bmp")}
_FLAGS = {"mov": ("default",), "webm": ("default", "forced")}  # the others know more of them
_STYLED = ("ass", "ssa")
_PGS = "hdmv_pgs_subtitle"  # of the subtitles made of pictures, the ones without a time of their own inside


@dataclass(frozen=True, slots=True)
class KeptStream:
    """A stream that comes along: as text of the kind `codec`, or, without one, packet by packet.

    Args:
        unmarked: those of its flags that the container does not know.
    """

    info: StreamInfo
    codec: str = ""
    unmarked: tuple[str, ...] = ()


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
    def refused_sound(self) -> StreamInfo | None:
        """A track that the container refuses, if none is kept; None where the output is as silent as it should be."""
        if any(stream.info.kind == "audio" for stream in self.kept):
            return None
        return next((out.info for out in self.left_out if out.refused and out.info.kind == "audio"), None)

    def refuse_silence(self, source: Path, target: Path) -> None:
        """Raises an error if the container takes sound, but none of the clip's: nobody wants that by accident.

        OutputError if another container could take it; InputError if none can, for nobody knows what it is.
        """
        sound = self.refused_sound
        if sound is None:
            return
        if not sound.codec:
            raise InputError("the codec of the sound is unknown", path=source, remedy="drop the sound with -an")
        raise OutputError(
            f"{CONTAINERS[target.suffix.lower()]} cannot hold the audio codec {sound.codec}",
            path=target,
            remedy="write a .mov or .mkv file, or drop the sound with -an",
        )


def plan_streams(
    info: ClipInfo, container: str, *, wanted: Collection[StreamKind], stretch: int = 1, tags: bool = True
) -> StreamPlan:
    """What can be kept of the streams of the `wanted` kinds; see `StreamPlan` for `tags`.

    Args:
        container: muxer name of FFmpeg.
        stretch: times of the source are this many times longer in the output.

    Raises InputError if the clip cannot be read any more.
    """
    asked = [stream for stream in info.others if stream.kind in wanted or stream.kind in ("video", "unknown")]
    if not asked:
        return StreamPlan(tags=tags)
    with open_input(info.path) as source:
        trial = _Trial(source, info, container)
        verdicts = [trial.verdict(stream, stretch) for stream in asked]
    return StreamPlan(
        tuple(verdict for verdict in verdicts if isinstance(verdict, KeptStream)),
        tuple(verdict for verdict in verdicts if isinstance(verdict, LeftOut)),
        tags,
    )


class _DamagedError(Exception):
    """Packets hold what no container takes."""


class _Trial:
    """Tries what `container` takes of a clip that is open at its start."""

    def __init__(self, source: InputContainer, info: ClipInfo, container: str) -> None:
        if len(source.streams) <= max(stream.index for stream in info.others):
            raise InputError("the file has changed since it was probed", path=info.path)
        self._container = container
        self._streams = list(source.streams)
        tried = [stream.index for stream in info.others if stream.kind in ("audio", "subtitle", "data")]
        self._packets: dict[int, list[Packet[Stream]]] = {index: [] for index in tried}
        for stream in source.streams:
            if stream.index not in tried:
                stream.discard = Discard.all
        if tried and container in CONTAINERS.values():
            self._read(source)

    def _read(self, source: InputContainer) -> None:
        count = size = 0
        try:
            for packet in source.demux([self._streams[index] for index in self._packets]):
                if not packet.size or packet.dts is None:
                    continue
                count, size = count + 1, size + packet.size
                if len(packets := self._packets[packet.stream_index]) < _PACKETS:
                    packets.append(packet)
                full = all(len(packets) == _PACKETS for packets in self._packets.values())
                if full or count >= _SCAN_PACKETS or size >= _SCAN_BYTES:
                    return
        except av.FFmpegError:  # damage is for the decoder to report
            return

    def verdict(self, stream: StreamInfo, stretch: int) -> KeptStream | LeftOut:
        if self._container not in CONTAINERS.values():
            return LeftOut(stream, f"{self._container} holds nothing but pictures")
        if stream.kind == "video":
            number = sum(other.type == "video" for other in self._streams[: stream.index])
            return LeftOut(stream, f"a second picture is not interpolated (--video-stream {number} takes this one)")
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
        known = _FLAGS.get(self._container, stream.flags)
        unmarked = tuple(flag for flag in stream.flags if flag not in known)
        try:
            if self._takes(stream):
                return KeptStream(stream, unmarked=unmarked)
        except _DamagedError:
            return LeftOut(stream, "its beginning is damaged", damaged=True)
        if text:
            return KeptStream(stream, _TEXT_CODECS[self._container], unmarked)
        return LeftOut(stream, f"{self._container} does not hold {stream.codec or 'its codec'}", refused=True)

    def _attached(self, stream: StreamInfo) -> KeptStream | LeftOut:
        if stream.cover and stream.codec in _COVER_CODECS.get(self._container, ()):
            return KeptStream(stream)
        if not stream.cover and self._container == "matroska":
            return KeptStream(stream)
        return LeftOut(stream, f"{self._container} does not hold attached {'pictures' if stream.cover else 'files'}")

    def _takes(self, stream: StreamInfo) -> bool:
        """Whether its first packets can be written, and read back as what they were.

        Raises _DamagedError if they are refused for what is in them.
        """
        if self._container == "mp4" and stream.codec.startswith("pcm_"):
            return False  # hardly any player knows it there
        template, packets = self._streams[stream.index], self._packets[stream.index]
        scratch = io.BytesIO()
        try:
            with av.open(scratch, "w", format=self._container) as output:
                copy = output.add_stream_from_template(template)
                output.start_encoding()
                for packet in packets:
                    packet.stream = copy
                taken = sum(put(output, packet) for packet in packets)
            if not packets:  # nothing to read back
                return True
            if not taken and stream.kind == "audio":  # though the header was fine: the codec is not to blame
                raise _DamagedError
            if not taken:
                return False
            scratch.seek(0)
            with av.open(scratch) as written:
                found = written.streams[0]
                return (found.type, codec_name(found)) == (template.type, codec_name(template))
        except (av.FFmpegError, ValueError, IndexError):
            return False


def put(output: OutputContainer, packet: Packet[Stream]) -> bool:
    """Write a packet that was copied; False if it is damaged, for muxers look into those of some codecs."""
    try:
        output.mux(packet)
    except (av.InvalidDataError, av.ArgumentError, av.PatchWelcomeError):
        return False
    return True


def _is_text(codec: str) -> bool:
    """Whether FFmpeg can read `codec` as lines of text."""
    try:
        return bool(Properties(av.Codec(codec, "r").properties) & Properties.TEXT_SUB)
    except UnknownCodecError:
        return False
