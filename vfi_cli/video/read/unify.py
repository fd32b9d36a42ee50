"""Converts images of different formats and orientations into frames of one clip.

swscale changes the depth by shifting, which is not exact. This module uses swscale only if its result is exact, or if
no exact result exists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np

from vfi_cli.video.av_frame import to_av_frame
from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.image.exif import Turn
from vfi_cli.video.properties.pixels import is_gray, nearest_format
from vfi_cli.video.read.decode import as_array, converted
from vfi_cli.video.types import ColorSpec, Plane, PlaneFormat, VideoFrame


def common_format(formats: Iterable[PlaneFormat], *, square: bool = False) -> PlaneFormat:
    """The smallest format that can hold images of all `formats` without loss.

    Args:
        square: chroma is halved in both directions or in none, so that images can be turned by 90 degrees.
    """
    all_formats = list(formats)
    kinds = {format.kind for format in all_formats}
    depth, alpha = max(format.depth for format in all_formats), any(format.alpha for format in all_formats)
    if "rgb" in kinds:
        return PlaneFormat("rgb", (1, 1), depth, alpha)
    if "yuv" not in kinds:
        return PlaneFormat("gray", (1, 1), depth)
    subsamplings = [format.subsampling for format in all_formats if format.kind == "yuv"]
    across, down = (min(sides) for sides in zip(*subsamplings, strict=True))
    if square and across != down:
        across = down = 1
    return PlaneFormat("yuv", (across, down), 16 if alpha and depth == 12 else depth, alpha)


def to_clip_format(frame: av.VideoFrame, color: ColorSpec, turn: Turn, info: ClipInfo) -> av.VideoFrame:
    """Convert `frame` to the format of the clip, and turn its pixels to the orientation of the clip.

    Details that the format of the clip cannot hold are lost.

    Args:
        color: colours of `frame`.
        turn: the turn that shows `frame` upright; afterwards, the turn of `info` does.
    """
    planes = _convert_planes(frame, color, info)
    if turn != (info.rotation, info.mirrored):
        planes = tuple(_turn(plane, turn, (info.rotation, info.mirrored)) for plane in planes)
    return to_av_frame(VideoFrame(planes, info.format, info.color, Fraction(0), Fraction(1)), info.format.pix_fmt)


def turned_size(width: int, height: int, turn: Turn, kept: Turn) -> tuple[int, int]:
    """The width and height of an image after `to_clip_format` has turned it from `turn` to `kept`."""
    return (width, height) if (turn[0] - kept[0]) % 180 == 0 else (height, width)


def _turn(plane: Plane, turn: Turn, kept: Turn) -> Plane:
    """Turn `plane` upright, then to the orientation that `kept` makes upright."""
    upright = np.rot90(plane, turn[0] // 90)
    if turn[1] != kept[1]:
        upright = np.fliplr(upright)
    return np.rot90(upright, -kept[0] // 90)


def _convert_planes(frame: av.VideoFrame, color: ColorSpec, info: ClipInfo) -> tuple[Plane, ...]:
    """The planes of the frame in the format of the clip."""
    target, source = info.format, nearest_format(frame.format)
    gray = is_gray(frame.format)
    full = target.kind == "rgb" or info.color.full_range
    target_color = replace(info.color, full_range=full)
    if source.kind == "yuv" and not gray and (source.kind, source.subsampling) != (target.kind, target.subsampling):
        intermediate = PlaneFormat(target.kind, target.subsampling, source.depth, source.alpha)
        frame = converted(frame, intermediate, color, target_color)
        source = intermediate
    else:
        frame = converted(frame, source, color, target_color)
    planes = [as_array(plane, source.dtype) for plane in frame.planes]
    alpha = planes.pop() if source.alpha else None
    if gray and target.kind == "rgb":
        planes = planes[:1] * 3
    planes = [
        _convert_depth(plane, source, target, neutral=target.kind == "yuv" and index > 0)
        for index, plane in enumerate(planes)
    ]
    shapes = target.shapes(frame.width, frame.height)
    if gray and target.kind == "yuv":
        planes = planes[:1] + [np.full(shape, target.peak // 2 + 1, target.dtype) for shape in shapes[1:3]]
    if target.alpha:
        opaque = np.full(shapes[-1], target.peak, target.dtype)
        planes.append(opaque if alpha is None else _convert_depth(alpha, source, target, neutral=False))
    return tuple(planes)


def _convert_depth(plane: Plane, source: PlaneFormat, target: PlaneFormat, *, neutral: bool) -> Plane:
    """Convert values from one depth to another.

    The peak stays the peak. With `neutral`, for chroma, the middle stays the middle instead.
    """
    if source.depth == target.depth:
        return plane
    above, below = (target.peak + 1, source.peak + 1) if neutral else (target.peak, source.peak)
    codes = (plane.astype(np.uint32) * above + below // 2) // below
    return codes.astype(np.uint8) if target.depth == 8 else codes.astype(np.uint16)
