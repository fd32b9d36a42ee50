"""Finds interlaced frames in a clip whose first frame is progressive, for example a film with advertisements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.demux.open_input import open_input

_MIXED_CODECS = ("h264", "mpeg2video", "mpeg4", "vc1", "wmv3", "hevc")  # can mix progressive and interlaced frames
_KEY_FRAMES = 8  # to decode, evenly spread over the clip
_MAX_PACKETS, _MAX_BYTES = 400, 16 * 2**20  # the most to read for one key frame
# A demuxer can start at any byte of these. Their timestamps can jump, so a seek by bytes is more reliable than by time.
_SEEK_BY_BYTES = ("mpegts", "mpeg", "mpegvideo", "h264", "hevc", "vc1", "m4v")


def find_fields(info: ClipInfo) -> Fraction | None:
    """The approximate time of an interlaced frame, in seconds after the first frame; None if none was found.

    The function decodes one key frame at each of 8 places, so it can miss a short interlaced part. The decoder finds
    such a part later.

    Raises InputError if the file cannot be read any more.
    """
    if info.interlaced or info.codec not in _MIXED_CODECS:
        return None
    with open_input(info.path, info.reach) as container:
        stream = container.streams[info.index]
        assert isinstance(stream, VideoStream)
        stream.codec_context.skip_frame = "NONKEY"
        stream.codec_context.thread_count = 1
        for place in range(1, _KEY_FRAMES + 1):
            share = Fraction(place, _KEY_FRAMES + 1)
            with suppress(av.FFmpegError):  # the decoder reports damage; some files cannot seek
                _seek(container, stream, info, share)
                if any(frame.interlaced_frame for frame in _next_key_frame(container, stream)):
                    return share * info.duration
    return None


def _seek(container: InputContainer, stream: VideoStream, info: ClipInfo, share: Fraction) -> None:
    if info.container in _SEEK_BY_BYTES:
        container.seek(int(container.size * share), unsupported_byte_offset=True)
    else:
        container.seek(int((info.start + info.duration * share) * av.time_base))
    if stream.codec_context.is_open:
        stream.codec_context.flush_buffers()


def _next_key_frame(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    """The next key frame."""
    size = 0
    for count, packet in enumerate(container.demux(stream)):
        size += packet.size
        if packet.size and packet.is_keyframe:
            yield from packet.decode()
            yield from stream.codec_context.decode(None)
            return
        if count >= _MAX_PACKETS or size >= _MAX_BYTES:
            return
