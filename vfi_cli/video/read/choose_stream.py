"""Chooses the main video stream of a file. FFmpeg lists covers, thumbnails and stills as video streams too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from vfi_cli.errors import InputError, UsageError
from vfi_cli.video.demux import late_streams
from vfi_cli.video.read.stream_info import codec_name, flags_of

_ATTACHED = Disposition.attached_pic | Disposition.timed_thumbnails
_IMAGE_CODECS = ("mjpeg", "png", "bmp", "gif", "tiff", "webp", "jpeg2000", "jpegxl")
_MAX_PACKETS, _MAX_BYTES = 2_000, 32 * 2**20  # read to count the frames of each stream
_MAX_RATIO = 10  # the fastest stream has at most so many frames for one frame of the main stream


def choose_video(
    container: InputContainer,
    path: Path,
    wanted: int | None,
    reopen: Callable[[], AbstractContextManager[InputContainer]],
) -> VideoStream:
    """The video stream number `wanted`, or the best one.

    The best stream is the first that fulfils these conditions, the most important one first: its codec is known, it has
    more than one frame, it is marked as the default, its codec is not an image codec, and it does not have far fewer
    frames than another stream.

    Args:
        path: name of the file in error messages.
        wanted: number of the video stream, counted from 0 as in FFmpeg; None chooses the best one.
        reopen: opens the file once more, to count packets.

    Raises:
        InputError: the file has no video stream except covers, or the video codec is unknown.
        UsageError: there is no video stream number `wanted`, or it is a cover.
    """
    streams = container.streams.video
    if wanted is not None and streams:
        if wanted >= len(streams) or streams[wanted].disposition & _ATTACHED:
            what = "is a cover" if wanted < len(streams) else "does not exist"
            listed = "; ".join(f"{number}: {_description(stream)}" for number, stream in enumerate(streams))
            raise UsageError(f"video stream {wanted} {what}", path=path, remedy=f"the streams are {listed}")
        streams = (streams[wanted],)
    candidates = [stream for stream in streams if not stream.disposition & _ATTACHED]
    if not candidates:
        what = "the only video stream is a cover image" if streams else "no video stream"
        raise InputError(what, path=path, remedy="give a file with a video")
    chosen = candidates[0] if len(candidates) == 1 else _best(candidates, reopen)
    if chosen.codec_context is None:
        raise InputError("the video codec is unknown", path=path)
    return chosen


def _best(candidates: list[VideoStream], reopen: Callable[[], AbstractContextManager[InputContainer]]) -> VideoStream:
    with reopen() as container:
        counts = _count_packets(container, [stream.index for stream in candidates])

    def fitness(stream: VideoStream) -> tuple[bool, ...]:
        count = counts[stream.index]
        return (
            stream.codec_context is not None,
            count > 1,
            bool(stream.disposition & Disposition.default),
            codec_name(stream) not in _IMAGE_CODECS,
            count * _MAX_RATIO >= max(counts.values(), default=0),
        )

    return max(candidates, key=fitness)  # of equally good streams, max() returns the first


def _count_packets(container: InputContainer, indexes: list[int]) -> Counter[int]:
    """The number of packets of each stream at the beginning of the file."""
    counts: Counter[int] = Counter()
    size = 0
    with suppress(av.FFmpegError):  # the decoder reports damage
        for packet in late_streams.packets(container, [container.streams[index] for index in indexes]):
            counts[packet.stream_index] += packet.size > 0
            size += packet.size
            if counts.total() >= _MAX_PACKETS or size >= _MAX_BYTES:
                break
    return counts


def _description(stream: VideoStream) -> str:
    context = stream.codec_context
    size = f"{context.width}x{context.height}" if context is not None else ""
    return " ".join(filter(None, (codec_name(stream), size, *flags_of(stream))))
