"""Chooses the video stream that is the film. For FFmpeg, covers, thumbnails and stills are video streams too."""

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
_PICTURE_CODECS = ("mjpeg", "png", "bmp", "gif", "tiff", "webp", "jpeg2000", "jpegxl")
_PACKETS, _BYTES = 2_000, 32 * 2**20  # read to see which streams move
_SLOW = 10  # a film has at least one frame for so many frames of the fastest stream


def choose_video(
    container: InputContainer,
    path: Path,
    wanted: int | None,
    reopen: Callable[[], AbstractContextManager[InputContainer]],
) -> VideoStream:
    """The video stream with the number `wanted`, counted from 0 as FFmpeg does.

    With None, the first of the best streams. A good stream moves, is marked as the default, has a codec for video,
    and does not have far fewer frames than another stream.

    reopen: opens the file once more, to look at its packets.

    Raises:
        InputError: there is no moving picture.
        UsageError: there is no stream of that number, or it is a cover.
    """
    streams = container.streams.video
    if wanted is not None and streams:
        if wanted >= len(streams) or streams[wanted].disposition & _ATTACHED:
            what = "is a cover" if wanted < len(streams) else "does not exist"
            listed = "; ".join(f"{number}: {_words(stream)}" for number, stream in enumerate(streams))
            raise UsageError(f"video stream {wanted} {what}", path=path, remedy=f"the streams are {listed}")
        streams = (streams[wanted],)
    films = [stream for stream in streams if not stream.disposition & _ATTACHED]
    if not films:
        what = "the only picture is a cover image" if streams else "no video stream"
        raise InputError(what, path=path, remedy="give a file with moving pictures")
    film = films[0] if len(films) == 1 else _best(films, reopen)
    if film.codec_context is None:
        raise InputError("the video codec is unknown", path=path)
    return film


def _best(films: list[VideoStream], reopen: Callable[[], AbstractContextManager[InputContainer]]) -> VideoStream:
    with reopen() as container:
        counts = _packets(container, [film.index for film in films])

    def fitness(film: VideoStream) -> tuple[bool, ...]:
        count = counts[film.index]
        return (
            film.codec_context is not None,
            count > 1,
            bool(film.disposition & Disposition.default),
            codec_name(film) not in _PICTURE_CODECS,
            count * _SLOW >= max(counts.values(), default=0),
        )

    return max(films, key=fitness)  # the first of equal ones


def _packets(container: InputContainer, indexes: list[int]) -> Counter[int]:
    """How many packets of each stream lie at the beginning of the file."""
    counts: Counter[int] = Counter()
    size = 0
    with suppress(av.FFmpegError):  # damage is for the decoder to report
        for packet in late_streams.packets(container, [container.streams[index] for index in indexes]):
            counts[packet.stream_index] += packet.size > 0
            size += packet.size
            if counts.total() >= _PACKETS or size >= _BYTES:
                break
    return counts


def _words(stream: VideoStream) -> str:
    context = stream.codec_context
    size = f"{context.width}x{context.height}" if context is not None else ""
    return " ".join(filter(None, (codec_name(stream), size, *flags_of(stream))))
