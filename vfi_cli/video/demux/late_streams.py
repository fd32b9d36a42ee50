"""Streams that begin late in a file. FFmpeg learns about streams from the beginning of a file only.

A late stream of sound then has no sample rate. A stream that the beginning does not announce is missing, and PyAV does
not add it while it reads: it may even raise IndexError at the end of the file.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from contextlib import suppress

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from vfi_cli.video.demux.joined_input import JoinedInput

_ENOUGH = 8 * 2**20  # bytes from the first packet of a stream on that tell what it is


def options(reach: int) -> dict[str, str]:
    """Options with which FFmpeg learns from the first `reach` bytes of a file, and keeps none of them in memory.

    0: from as many as FFmpeg chooses.
    """
    if not reach:
        return {}
    return {
        "probesize": str(max(reach, 32)),  # the least that FFmpeg takes
        "analyzeduration": str(10**15),  # microseconds
        "fpsprobesize": str(2**31 - 2),  # else it stops when it knows all streams so far
        "fflags": "+nobuffer",
    }


def is_known(stream: Stream) -> bool:
    """Whether FFmpeg has learned what it must know of the stream: the size of the picture, or the sample rate."""
    if isinstance(stream, VideoStream) and stream.codec_context is not None:
        return stream.codec_context.width > 0
    return not isinstance(stream, AudioStream) or stream.codec_context is None or stream.codec_context.sample_rate > 0


def shows_picture(container: InputContainer) -> bool:
    """Whether FFmpeg has found a moving picture and its size."""
    return any(is_known(film) for film in container.streams.video if not film.disposition & Disposition.attached_pic)


def packets(container: InputContainer | JoinedInput, streams: Collection[Stream]) -> Iterator[Packet[Stream]]:
    """The packets of `streams`, also if other streams begin that PyAV does not know."""
    with suppress(IndexError):  # all packets have been read by then
        yield from container.demux(list(streams))


def has_more(container: InputContainer) -> bool:
    """Whether FFmpeg has found more streams than `container` lists, now that it was read to the end."""
    with av.open(io.BytesIO(), "w", format="matroska") as scratch:
        for _ in range(len(container.streams) + 1):
            beyond = scratch.add_stream("pcm_s16le")
        try:
            next(container.demux(beyond), None)  # refused with ValueError, unless there is a stream of this number
        except ValueError:
            return False
        except (IndexError, av.FFmpegError):
            return True
    return True


def find_reach(container: InputContainer, known: Collection[int], listed: int) -> int:
    """How many bytes from the start of the file FFmpeg must read to know all streams; 0: as many as usual.

    Args:
        container: open with `options` for the whole file, at its start.
        known: streams that are known without that; `listed`: how many are listed then.
    """
    missing = {
        stream.index
        for stream in container.streams
        if stream.index >= listed or (stream.index not in known and is_known(stream))
    }
    if not missing:
        return 0
    position = 0
    with suppress(av.FFmpegError):  # damage is for the decoder to report
        for packet in container.demux():
            position = max(position, packet.pos or 0)
            if packet.size:
                missing.discard(packet.stream_index)
            if not missing:
                return min(position + _ENOUGH, container.size)
    return container.size
