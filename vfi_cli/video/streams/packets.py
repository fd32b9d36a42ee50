"""Copies streams from one file to another, packet by packet."""

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

    The muxer may still refuse it when the header is written. Raises ValueError or av.FFmpegError if no such stream
    can be made.
    """
    try:
        return output.add_stream_from_template(template)
    except ValueError:
        return _add_unlisted(output, template)


def _add_unlisted(output: OutputContainer, template: Stream) -> Stream:
    """The same for a codec that is not in FFmpeg's list for the container. The muxer may take it all the same.

    The stream is made for a codec that is in the list. An empty filter then overwrites all its parameters.
    """
    with av.open(io.BytesIO(), "w", format="matroska") as scratch:
        copy = output.add_stream_from_template(scratch.add_stream("aac"))
    BitStreamFilterContext("null", template, copy)
    assert copy.codec_context is not None
    copy.codec_context.codec_tag = "\0\0\0\0"  # the tag belongs to the source's container: the muxer sets its own
    assert template.time_base is not None
    copy.time_base = template.time_base
    return copy


class Durations:
    """Gives packets of sound a duration if their file states none: the time since the previous packet.

    An MP4 track ends where its last packet ends, and players would drop a packet without a duration.
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
    """Write a copied packet; False if the muxer finds it damaged. Muxers parse the packets of some codecs."""
    try:
        output.mux(packet)
    except (av.InvalidDataError, av.ArgumentError, av.PatchWelcomeError):
        return False
    return True
