"""Streams of one file in another, packet by packet."""

from __future__ import annotations

import io
from fractions import Fraction

import av
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream


def add_copy(output: OutputContainer, template: Stream) -> Stream:
    """A stream of `output` for the packets of `template`, before the header is written.

    Whether the muxer takes it shows when the header is written. Raises ValueError or av.FFmpegError if no such stream
    can be made.
    """
    try:
        return output.add_stream_from_template(template)
    except ValueError:
        return _add_unlisted(output, template)


def _add_unlisted(output: OutputContainer, template: Stream) -> Stream:
    """The same for a codec that is not in FFmpeg's list for the container, which muxers know better.

    The stream begins as one of a codec that is in the list. An empty filter then overwrites all its parameters.
    """
    with av.open(io.BytesIO(), "w", format="matroska") as scratch:
        copy = output.add_stream_from_template(scratch.add_stream("aac"))
    BitStreamFilterContext("null", template, copy)
    assert copy.codec_context is not None
    copy.codec_context.codec_tag = "\0\0\0\0"  # the tag of the other container: the muxer sets its own
    assert template.time_base is not None
    copy.time_base = template.time_base
    return copy


class Durations:
    """Tells how long packets of sound last where their file does not: as long as the one before.

    MP4 ends where its last packet ends, and players would drop one that lasts no time.
    """

    def __init__(self) -> None:
        self._begins: dict[int, Fraction] = {}  # of the last packet of each stream

    def complete(self, packet: Packet[Stream]) -> None:
        if packet.dts is None:
            return
        begin = packet.dts * packet.time_base
        before = self._begins.get(packet.stream_index, begin)
        self._begins[packet.stream_index] = begin
        if not packet.duration:
            packet.duration = max(0, round((begin - before) / packet.time_base))


def put(output: OutputContainer, packet: Packet[Stream]) -> bool:
    """Write a packet that was copied; False if it is damaged, for muxers look into those of some codecs."""
    try:
        output.mux(packet)
    except (av.InvalidDataError, av.ArgumentError, av.PatchWelcomeError):
        return False
    return True
