"""Reads files that were joined end to end as one: each part by its own headers, one after the other."""

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
"""How the first header begins and its length in bytes, and how the last begins; the comments are between them."""

_STREAMINFO = 34
"""Bytes: sizes of blocks (4) and of frames (6); 28 bits for sample rate, channels and depth; length, checksum."""


class JoinedInput:
    """A joined file, open for reading its packets like a container of PyAV.

    Args:
        path: of the file.
        parts: the files that it consists of.
        first: the first part, open; it stays open as long as this is used.
        options: for opening the other parts.

    Attributes:
        unread: parts that are not read: the first of them cannot be opened, or does not have the streams of the part
            that is open.
        chapters: number of chapters in the parts after the first.
        Both are final after the last packet.
    """

    def __init__(self, path: Path, parts: Sequence[Part], first: InputContainer, options: dict[str, str]) -> None:
        self.unread: tuple[Part, ...] = ()
        self.chapters = 0
        self._path, self._parts, self._first, self._options = path, parts, first, options
        self._number = 0  # of the part to begin with
        self._time: Fraction | None = None  # seconds on its own clock, where to begin

    @property
    def streams(self) -> StreamContainer:
        """The streams of the first part."""
        return self._first.streams

    def seek(self, position: int, time: Fraction | None) -> None:
        """Begin at the key frame of `time`, on the clock of the part in which the byte `position` is; None: at the
        first packet of that part."""
        self._number = bisect_right(self._parts, position, key=lambda part: part.start) - 1
        self._time = time

    def demux(self, streams: Sequence[Stream]) -> Iterator[Packet[Any]]:
        """The packets of these streams of all parts.

        `opaque` is their byte position, or that of their part where its packets need not be in order of time.
        """
        wanted = [stream.index for stream in streams]
        for number in range(self._number, len(self._parts)):
            part = self._parts[number]
            try:
                container = open_part(self._path, part, self._options)
            except av.FFmpegError:
                self.unread = tuple(self._parts[number:])
                break
            with container:
                if number and not _match(self._first, container):
                    self.unread = tuple(self._parts[number:])
                    break
                if self._time is not None and number == self._number:
                    container.seek(int(self._time * av.time_base))
                for stream in container.streams:
                    if stream.index not in wanted:
                        stream.discard = Discard.all
                self.chapters += len(container.chapters()) if number else 0
                inside = may_leap(container)  # then the clock can leap inside the part too
                for packet in container.demux([container.streams[index] for index in wanted]):
                    if packet.size or packet.dts is not None:
                        packet.opaque = part.start + ((packet.pos or 0) if inside else 0)
                        yield packet
        for stream in streams:  # tell the decoder that this is the end
            end: Packet[Any] = Packet()
            end.stream = stream
            yield end


def position_of(packet: Packet[Any], unknown: int) -> int:
    """The byte position of the packet in the whole file; `unknown` if it has none."""
    if isinstance(packet.opaque, int):  # of a part, see `JoinedInput.demux`
        return packet.opaque
    return packet.pos if packet.pos is not None else unknown


def open_part(path: Path, part: Part, options: dict[str, str]) -> InputContainer:
    """Open a part of the file at `path` as a file of its own. Raises av.FFmpegError."""
    url = f"subfile,,start,{part.start},end,{part.end},,:{os.path.abspath(path)}"  # noqa: PTH100 (as in open_input)
    return av.open(url, "r", options={**options, "protocol_whitelist": "subfile,file"}, metadata_errors="replace")


def _match(first: InputContainer, other: InputContainer) -> bool:
    """Whether a decoder or an output that was set up for `first` can continue with `other`."""
    return [_setup(stream) for stream in first.streams] == [_setup(stream) for stream in other.streams]


def _setup(stream: Stream) -> tuple[Any, ...]:
    """What decoders and outputs are set up with."""
    context = stream.codec_context
    if context is None:
        return stream.type, stream.time_base
    size = (stream.codec_context.width, stream.codec_context.height) if isinstance(stream, VideoStream) else ()
    name = context.codec.canonical_name
    return stream.type, stream.time_base, name, _without_labels(name, context.extradata), *size


def _without_labels(codec: str, extradata: bytes | None) -> bytes | None:
    """What a decoder must know before the first packet; not the title, the length and the checksum of the file."""
    if extradata is None:
        return None
    if codec == "flac" and len(extradata) == _STREAMINFO:
        return extradata[:4] + (int.from_bytes(extradata[10:14]) >> 4).to_bytes(4)
    if codec in _XIPH:
        first, size, last = _XIPH[codec]
        begin = extradata.find(first)
        return extradata[begin : begin + size] + extradata[extradata.find(last) :]
    return extradata
