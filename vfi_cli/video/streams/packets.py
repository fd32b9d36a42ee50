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
    """Add a stream to `output` for the packets of `template`. The header must not be written yet.

    The muxer may still refuse the stream when it writes the header. Raises ValueError or av.FFmpegError if no such
    stream can be made.
    """
    try:
        return output.add_stream_from_template(template)
    except ValueError:
        return _add_unlisted(output, template)


def _add_unlisted(output: OutputContainer, template: Stream) -> Stream:
    """Add a stream whose codec is not in FFmpeg's list for the container. The muxer may take it all the same.

    The new stream first has a codec that is in the list. A filter that changes nothing then overwrites all its
    parameters.
    """
    with av.open(io.BytesIO(), "w", format="matroska") as scratch:
        copy = output.add_stream_from_template(scratch.add_stream("aac"))
    BitStreamFilterContext("null", template, copy)
    assert copy.codec_context is not None
    copy.codec_context.codec_tag = "\0\0\0\0"  # the source's tag means nothing in the output; the muxer sets its own
    assert template.time_base is not None
    copy.time_base = template.time_base
    return copy


class Durations:
    """Gives an audio packet a duration if its file states none: the time since the previous packet.

    An MP4 track ends where its last packet ends, and players would drop a packet without a duration.
    """

    def __init__(self) -> None:
        self._last_times: dict[int, Fraction] = {}  # dts of the last packet in seconds, by stream index

    def complete(self, packet: Packet[Stream]) -> None:
        """Set the duration of `packet` if it has none."""
        if packet.dts is None:
            return
        begin = packet.dts * packet.time_base
        previous = self._last_times.get(packet.stream_index, begin)
        self._last_times[packet.stream_index] = begin
        if not packet.duration:
            packet.duration = max(0, round((begin - previous) / packet.time_base))


def write_packet(output: OutputContainer, packet: Packet[Stream]) -> bool:
    """Write a copied packet. Returns False if the muxer, which parses some codecs, finds the packet damaged."""
    try:
        output.mux(packet)
    except (av.InvalidDataError, av.ArgumentError, av.PatchWelcomeError):
        return False
    return True
