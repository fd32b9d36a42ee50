"""Checks packets that were written to a trial file: can they be decoded, and does the file return them?"""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import suppress

import av
import numpy as np
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream

_FULL_SCALE = {"u8": 2**7, "s16": 2**15, "s32": 2**31}  # by sample format; 1 for floats
_NOISE = 1e-3  # of full scale; two decoders of the same codec differ by less


def reads_back(scratch: io.BytesIO, template: Stream, packets: list[Packet[Stream]], data: list[bytes]) -> bool:
    """Whether the file in memory holds a stream like `template` with these `packets`.

    The samples of audio packets are compared too: a container can hold the packets but lose data that the decoder
    needs.

    Args:
        scratch: the file.
        template: the stream that the packets come from.
        packets: the packets that were written; compared by their samples.
        data: the bytes of these packets. The file may hold them without their headers.
    """
    if not data:
        return False
    scratch.seek(0)
    with av.open(scratch, "r") as written:
        if not written.streams or written.streams[0].type != template.type:
            return False
        found = [packet for packet in written.demux(written.streams[0]) if packet.size]
        return _contains([bytes(packet) for packet in found], data) and (
            template.type != "audio" or _same_samples(template, packets, written.streams[0], found)
        )


def _contains(found: list[bytes], data: list[bytes]) -> bool:
    """Whether `found` holds the bytes of all packets in `data`, or each of them without its header."""
    if b"".join(found) == b"".join(data):  # the file may divide the bytes into packets of other sizes
        return True
    missing = list(data)
    for packet in found:
        if missing and packet in missing[0]:
            del missing[0]
    return not missing


def _same_samples(
    source: Stream, packets: Iterable[Packet[Stream]], copy: Stream, copies: Iterable[Packet[Stream]]
) -> bool:
    """Whether the packets of an audio stream and their copies decode to the same samples.

    If only one of the files can say that decoders must skip the first samples, the lengths differ. Samples of different
    lengths are not compared. The result is True if the packets of the source cannot be decoded.
    """
    expected, found = _samples(source, packets), _samples(copy, copies)
    if expected is None:
        return True
    if found is None or len(expected) != len(found):
        return False
    return expected.shape[1] != found.shape[1] or bool(np.abs(expected - found).max() < _NOISE)


def is_decodable(stream: Stream, packets: Iterable[Packet[Stream]]) -> bool:
    """Whether all packets of a stream can be decoded. True for a stream that is not audio or has no decoder."""
    if not isinstance(stream, AudioStream) or stream.codec_context is None:
        return True
    try:
        for packet in packets:
            stream.codec_context.decode(packet)
    except av.FFmpegError:
        return False
    return True


def _samples(stream: Stream, packets: Iterable[Packet[Stream]]) -> np.ndarray | None:
    """The decoded samples, shape (channels, samples), full scale is 1; None if no packet can be decoded."""
    if not isinstance(stream, AudioStream) or stream.codec_context is None:
        return None
    parts: list[np.ndarray] = []
    for packet in (*packets, None):
        with suppress(av.FFmpegError, ValueError):  # PyAV cannot convert 64-bit samples to NumPy
            for frame in stream.codec_context.decode(packet):
                values = frame.to_ndarray()
                scaled = values / _FULL_SCALE.get(frame.format.name.rstrip("p"), 1)
                parts.append(scaled if frame.format.is_planar else scaled.reshape(-1, frame.layout.nb_channels).T)
    return np.concatenate(parts, axis=1) if parts else None
