"""Reads the marks of 360 degree video and stereo video from a stream.

PyAV can neither read nor set these marks, but FFmpeg's muxers write them when a stream is copied. So this module copies
the stream into memory and takes the elements and boxes from that copy. The muxer of the output then inserts them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO

import av
from av.video.stream import VideoStream

from vfi_cli.video.container import matroska_header, mp4_header

_ELEMENTS = (0x53B8, 0x7670)  # StereoMode, Projection
_BOXES = (b"st3d", b"sv3d")
_FREE = b"\0\0\0\x08free"
_COLOUR, _HORIZONTAL, _VERTICAL = 0x55B0, 0x55B7, 0x55B8
_SITING = {(1, 1): "topleft", (1, 2): "left", (2, 1): "top", (2, 2): "center"}
_MUXING = {"movflags": "empty_moov", "strict": "unofficial"}  # write the header first, with all boxes


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a stream, as `elements` of Matroska and as `boxes` of MP4; empty if there are none."""

    elements: bytes = b""
    boxes: bytes = b""


def read_marks(stream: VideoStream) -> Marks:
    """Return the marks of a stream; empty if it is neither 360 degree video nor stereo video."""
    elements, all_boxes = _elements(stream), {}
    with suppress(av.FFmpegError, ValueError, OSError):
        all_boxes = mp4_header.video_boxes(_header(stream, "mp4", _MUXING))
    boxes = b"".join(all_boxes[name] for name in _BOXES if name in all_boxes)
    if boxes:
        boxes += _FREE  # `mp4_header.insert` needs more than 16 bytes
    return Marks(b"".join(elements[kind] for kind in _ELEMENTS if kind in elements), boxes)


def read_siting(stream: VideoStream) -> str:
    """Return FFmpeg's name of the position of chroma samples; empty if the file does not state it."""
    colour = _elements(stream).get(_COLOUR)
    values = matroska_header.numbers(colour) if colour else {}
    return _SITING.get((values.get(_HORIZONTAL, 0), values.get(_VERTICAL, 0)), "")


def _elements(stream: VideoStream) -> dict[int, bytes]:
    with suppress(av.FFmpegError, ValueError, OSError):
        return matroska_header.video_elements(_header(stream, "matroska", {}))
    return {}


def _header(stream: VideoStream, container: str, options: dict[str, str]) -> bytes:
    """Return what the muxer of `container` writes before the first packet of a copy of `stream`."""
    file = BytesIO()
    with av.open(file, "w", format=container, container_options=options) as copy:
        copy.add_stream_from_template(stream, opaque=True)
        copy.start_encoding()
    return file.getvalue()
