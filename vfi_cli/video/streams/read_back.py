"""Checks the packets of a trial: whether they are whole, and whether a container gives them back."""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import suppress

import av
import numpy as np
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream

_FULL_SCALE = {"u8": 2**7, "s16": 2**15, "s32": 2**31}  # by sample format; of floats 1
_NOISE = 1e-3  # of full scale, between two decoders of one codec


def reads_back(scratch: io.BytesIO, template: Stream, packets: list[Packet[Stream]], data: list[bytes]) -> bool:
    """Whether the file in memory holds a stream like `template` with these `packets`.

    data: the bytes of the packets; headers may be lost. Samples are compared too: a container can take packets but
    lose data that the decoder needs.
    """
    if not data:
        return False
    scratch.seek(0)
    with av.open(scratch, "r") as written:
        if not written.streams or written.streams[0].type != template.type:
            return False
        found = [packet for packet in written.demux(written.streams[0]) if packet.size]
        return _holds([bytes(packet) for packet in found], data) and (
            template.type != "audio" or _sound_alike(template, packets, written.streams[0], found)
        )


def _holds(found: list[bytes], data: list[bytes]) -> bool:
    if b"".join(found) == b"".join(data):  # the pieces may have other sizes
        return True
    missing = list(data)
    for one in found:
        if missing and one in missing[0]:
            del missing[0]
    return not missing


def _sound_alike(
    track: Stream, packets: Iterable[Packet[Stream]], copy: Stream, copies: Iterable[Packet[Stream]]
) -> bool:
    """Whether the packets of a track and their copies in a file decode to the same samples.

    The lengths differ if only one file can say that the first samples are skipped. Then the samples are not compared.
    A track that cannot be decoded counts as alike.
    """
    before, after = _samples(track, packets), _samples(copy, copies)
    if before is None:
        return True
    if after is None or len(before) != len(after):
        return False
    return before.shape[1] != after.shape[1] or bool(np.abs(before - after).max() < _NOISE)


def is_whole(track: Stream, packets: Iterable[Packet[Stream]]) -> bool:
    """Whether all packets of a track can be decoded."""
    if not isinstance(track, AudioStream) or track.codec_context is None:
        return True
    try:
        for packet in packets:
            track.codec_context.decode(packet)
    except av.FFmpegError:
        return False
    return True


def _samples(stream: Stream, packets: Iterable[Packet[Stream]]) -> np.ndarray | None:
    """The decoded samples, (channels, samples), 1 is full scale; None if nothing can be decoded."""
    if not isinstance(stream, AudioStream) or stream.codec_context is None:
        return None
    parts: list[np.ndarray] = []
    for packet in (*packets, None):
        with suppress(av.FFmpegError, ValueError):  # PyAV cannot convert samples of 64 bits to NumPy
            for frame in stream.codec_context.decode(packet):
                values = frame.to_ndarray()
                scaled = values / _FULL_SCALE.get(frame.format.name.rstrip("p"), 1)
                parts.append(scaled if frame.format.is_planar else scaled.reshape(-1, frame.layout.nb_channels).T)
    return np.concatenate(parts, axis=1) if parts else None
