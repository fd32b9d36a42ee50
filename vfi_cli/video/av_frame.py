"""The planes of a frame, in the order in which an encoder takes them."""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import ColorRange

from vfi_cli.video.types import VideoFrame


def to_av_frame(frame: VideoFrame, wire: str) -> av.VideoFrame:
    """The frame as FFmpeg's `wire` format, which holds the same codes as its own."""
    format = frame.format
    picture = av.VideoFrame(frame.width, frame.height, format.pix_fmt)
    for plane, codes in zip(picture.planes, frame.planes, strict=True):
        rows = np.frombuffer(memoryview(plane), codes.dtype).reshape(plane.height, -1)
        rows[:, : plane.width] = codes
    if wire == format.pix_fmt:
        return picture
    span = ColorRange.JPEG if format.kind == "rgb" or frame.color.full_range else ColorRange.MPEG
    return picture.reformat(format=wire, src_color_range=span, dst_color_range=span)
