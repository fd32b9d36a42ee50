"""Reads a file that was joined from several files: one part after another, each with its own headers."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.container.streams import StreamContainer
from av.packet import Packet
from av.stream import Discard, Stream
from av.video.stream import VideoStream

from vfi_cli.video.container.parts import Part
from vfi_cli.video.container.several_clocks import may_leap

_XIPH = {"vorbis": (b"\1vorbis", 30, b"\5vorbis"), "theora": (b"\x80theora", 42, b"\x82theora")}
"""For each codec: the start of its first header, the length of that header in bytes, and the start of its last header.

The comment header is between the two.
"""

_STREAMINFO = 34
"""Length of FLAC's STREAMINFO in bytes.

It holds block sizes (4 bytes), frame sizes (6), sample rate, channels and depth (28 bits), then length and checksum.
"""


class JoinedInput:
    """A joined file, open for demuxing like a container of PyAV.

    Args:
        path: path of the joined file.
        parts: the parts of the file.
        first: the first part, open. The caller must keep it open as long as this object is used.
        options: FFmpeg's options for opening the other parts.

    Attributes:
        unread: parts that are not read, because the first of them cannot be opened or has other streams than `first`.
            Final after the last packet.
        chapters: number of chapters in the parts after the first. Final after the last packet.
    """

    def __init__(self, path: Path, parts: Sequence[Part], first: InputContainer, options: dict[str, str]) -> None:
        self.unread: tuple[Part, ...] = ()
        self.chapters = 0
        self._path, self._parts, self._first, self._options = path, parts, first, options
        self._first_number = 0  # of the part that is read first
        self._start_time: Fraction | None = None  # in seconds on the clock of that part; None: its beginning

    @property
    def streams(self) -> StreamContainer:
        """The streams of the first part."""
        return self._first.streams

    def seek(self, position: int, time: Fraction | None) -> None:
        """Move to a key frame at or before `time`, in the part that contains the byte `position`.

        time: seconds on the clock of that part; None: its first packet.
        """
        self._first_number = bisect_right(self._parts, position, key=lambda part: part.start) - 1
        self._start_time = time

    def demux(self, streams: Sequence[Stream]) -> Iterator[Packet[Any]]:
        """Yield the packets of `streams`, of all parts.

        `opaque` of a packet is its byte position if the clock can jump inside a part, else the position of its part.
        """
        wanted = [stream.index for stream in streams]
        for number in range(self._first_number, len(self._parts)):
            part = self._parts[number]
            try:
                container = open_part(self._path, part, self._options)
            except av.FFmpegError:
                self.unread = tuple(self._parts[number:])
                break
            with container:
                if number and not _same_setup(self._first, container):
                    self.unread = tuple(self._parts[number:])
                    break
                if self._start_time is not None and number == self._first_number:
                    container.seek(int(self._start_time * av.time_base))
                for stream in container.streams:
                    if stream.index not in wanted:
                        stream.discard = Discard.all
                self.chapters += len(container.chapters()) if number else 0
                jumps_inside = may_leap(container)
                for packet in container.demux([container.streams[index] for index in wanted]):
                    if packet.size or packet.dts is not None:
                        packet.opaque = part.start + ((packet.pos or 0) if jumps_inside else 0)
                        yield packet
        for stream in streams:  # an empty packet flushes the decoder
            end: Packet[Any] = Packet()
            end.stream = stream
            yield end


def position_of(packet: Packet[Any], unknown: int) -> int:
    """Return the byte position of the packet, for a joined file as in `JoinedInput.demux`; `unknown` if it has none."""
    if isinstance(packet.opaque, int):  # set by `JoinedInput.demux`
        return packet.opaque
    return packet.pos if packet.pos is not None else unknown


def open_part(path: Path, part: Part, options: dict[str, str]) -> InputContainer:
    """Open a part of the file at `path` as if it were a separate file. Raises av.FFmpegError."""
    url = f"subfile,,start,{part.start},end,{part.end},,:{os.path.abspath(path)}"  # noqa: PTH100 (as in open_input)
    return av.open(url, "r", options={**options, "protocol_whitelist": "subfile,file"}, metadata_errors="replace")


def _same_setup(first: InputContainer, other: InputContainer) -> bool:
    """Whether decoders and outputs that were set up for `first` can continue with `other`."""
    return [_setup(stream) for stream in first.streams] == [_setup(stream) for stream in other.streams]


def _setup(stream: Stream) -> tuple[Any, ...]:
    """Return what the setup of a decoder or an output depends on."""
    context = stream.codec_context
    if context is None:
        return stream.type, stream.time_base
    size = (stream.codec_context.width, stream.codec_context.height) if isinstance(stream, VideoStream) else ()
    name = context.codec.canonical_name
    return stream.type, stream.time_base, name, _decoder_extradata(name, context.extradata), *size


def _decoder_extradata(codec: str, extradata: bytes | None) -> bytes | None:
    """Return the extradata without titles, lengths and checksums, which may differ between parts."""
    if extradata is None:
        return None
    if codec == "flac" and len(extradata) == _STREAMINFO:
        return extradata[:4] + (int.from_bytes(extradata[10:14]) >> 4).to_bytes(4)
    if codec in _XIPH:
        first, size, last = _XIPH[codec]
        begin = extradata.find(first)
        return extradata[begin : begin + size] + extradata[extradata.find(last) :]
    return extradata
