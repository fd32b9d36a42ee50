"""Finds streams that begin late in a file. FFmpeg learns about streams only from the beginning of a file.

So FFmpeg does not know the sample rate of a late audio stream. If no header announces a late stream, PyAV does not list
it, and may even raise IndexError at the end of the file.
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

_IDENTIFYING_BYTES = 8 * 2**20  # FFmpeg can identify a stream from this many bytes after its first packet


def options(reach: int) -> dict[str, str]:
    """Return options that make FFmpeg learn about streams from the first `reach` bytes of a file.

    FFmpeg then keeps none of these bytes in memory. With 0, FFmpeg chooses the number of bytes.
    """
    if not reach:
        return {}
    return {
        "probesize": str(max(reach, 32)),  # the least that FFmpeg accepts
        "analyzeduration": str(10**15),  # microseconds
        "fpsprobesize": str(2**31 - 2),  # otherwise FFmpeg stops as soon as it knows the streams found so far
        "fflags": "+nobuffer",
    }


def is_known(stream: Stream) -> bool:
    """Whether FFmpeg knows the frame size of a video stream or the sample rate of an audio stream; True for others."""
    if isinstance(stream, VideoStream) and stream.codec_context is not None:
        return stream.codec_context.width > 0
    return not isinstance(stream, AudioStream) or stream.codec_context is None or stream.codec_context.sample_rate > 0


def shows_picture(container: InputContainer) -> bool:
    """Whether FFmpeg has found a video stream other than a cover image, and its frame size."""
    return any(is_known(video) for video in container.streams.video if not video.disposition & Disposition.attached_pic)


def packets(container: InputContainer | JoinedInput, streams: Collection[Stream]) -> Iterator[Packet[Stream]]:
    """Yield the packets of `streams`, also if streams begin that PyAV does not list."""
    with suppress(IndexError):  # PyAV raises it after the last packet
        yield from container.demux(list(streams))


def has_more(container: InputContainer) -> bool:
    """Whether FFmpeg found more streams than `container` lists. `container` must have been read to its end."""
    with av.open(io.BytesIO(), "w", format="matroska") as dummy:
        for _ in range(len(container.streams) + 1):
            next_stream = dummy.add_stream("pcm_s16le")
        try:
            next(container.demux(next_stream), None)  # raises ValueError if there is no stream of this number
        except ValueError:
            return False
        except (IndexError, av.FFmpegError):
            return True
    return True


def find_reach(container: InputContainer, known: Collection[int], listed: int) -> int:
    """Return how many bytes from the start of the file FFmpeg must read to know all streams; 0: its default.

    Args:
        container: opened with `options` for the whole file, and not read yet.
        known: indexes of the streams that are known with FFmpeg's default.
        listed: number of streams that are listed with FFmpeg's default.
    """
    missing = {
        stream.index
        for stream in container.streams
        if stream.index >= listed or (stream.index not in known and is_known(stream))
    }
    if not missing:
        return 0
    position = 0
    with suppress(av.FFmpegError):  # the decoder will report the damage
        for packet in container.demux():
            position = max(position, packet.pos or 0)
            if packet.size:
                missing.discard(packet.stream_index)
            if not missing:
                return min(position + _IDENTIFYING_BYTES, container.size)
    return container.size
