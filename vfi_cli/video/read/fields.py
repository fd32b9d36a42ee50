"""Finds fields later in a clip whose first picture is whole, for example a film with advertisements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.demux.open_input import open_input

_CODECS = ("h264", "mpeg2video", "mpeg4", "vc1", "wmv3", "hevc")  # whole pictures and fields can be mixed in these
_PLACES = 8
_PACKETS, _BYTES = 400, 16 * 2**20  # to read at one place, to find a key frame
# These can be read from any byte. Their timestamps can jump, so seeking by bytes is more reliable than by time.
_BY_BYTES = ("mpegts", "mpeg", "mpegvideo", "h264", "hevc", "vc1", "m4v")


def find_fields(info: ClipInfo) -> Fraction | None:
    """The approximate time of a picture made of fields, in seconds after the first frame; None if none was found.

    One key frame is decoded at each of a few places, so a short change can be missed. The decoder finds it later.
    Raises InputError if the file cannot be read any more.
    """
    if info.interlaced or info.codec not in _CODECS:
        return None
    with open_input(info.path, info.reach) as container:
        stream = container.streams[info.index]
        assert isinstance(stream, VideoStream)
        stream.codec_context.skip_frame = "NONKEY"
        stream.codec_context.thread_count = 1
        for place in range(1, _PLACES + 1):
            share = Fraction(place, _PLACES + 1)
            with suppress(av.FFmpegError):  # the decoder reports damage; some files cannot seek
                _seek(container, stream, info, share)
                if any(frame.interlaced_frame for frame in _key_frame(container, stream)):
                    return share * info.duration
    return None


def _seek(container: InputContainer, stream: VideoStream, info: ClipInfo, share: Fraction) -> None:
    if info.container in _BY_BYTES:
        container.seek(int(container.size * share), unsupported_byte_offset=True)
    else:
        container.seek(int((info.start + info.duration * share) * av.time_base))
    if stream.codec_context.is_open:
        stream.codec_context.flush_buffers()


def _key_frame(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    """The next key frame."""
    size = 0
    for count, packet in enumerate(container.demux(stream)):
        size += packet.size
        if packet.size and packet.is_keyframe:
            yield from packet.decode()
            yield from stream.codec_context.decode(None)
            return
        if count >= _PACKETS or size >= _BYTES:
            return
