"""Converts frames to PyAV's frames, in the pixel format of an encoder."""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import ColorRange

from vfi_cli.video.types import VideoFrame


def to_av_frame(frame: VideoFrame, pix_fmt: str) -> av.VideoFrame:
    """Return `frame` as a PyAV frame in FFmpeg's pixel format `pix_fmt`, which can hold the same codes."""
    format = frame.format
    copy = av.VideoFrame(frame.width, frame.height, format.pix_fmt)
    for plane, codes in zip(copy.planes, frame.planes, strict=True):
        rows = np.frombuffer(memoryview(plane), codes.dtype).reshape(plane.height, -1)
        rows[:, : plane.width] = codes
    if pix_fmt == format.pix_fmt:
        return copy
    color_range = ColorRange.JPEG if format.kind == "rgb" or frame.color.full_range else ColorRange.MPEG
    return copy.reformat(format=pix_fmt, src_color_range=color_range, dst_color_range=color_range)
