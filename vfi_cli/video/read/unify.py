"""Makes frames of one clip from pictures with different formats or orientations.

swscale scales depths by shifting, which is not exact. It is used only if its result is exact, or if no exact result
exists.
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


def richest(formats: Iterable[PlaneFormat], *, square: bool = False) -> PlaneFormat:
    """The smallest format that holds everything that `formats` hold.

    square: chroma is halved in both directions or in none, so that a picture can be turned by 90 degrees.
    """
    every = list(formats)
    kinds = {format.kind for format in every}
    depth, alpha = max(format.depth for format in every), any(format.alpha for format in every)
    if "rgb" in kinds:
        return PlaneFormat("rgb", (1, 1), depth, alpha)
    if "yuv" not in kinds:
        return PlaneFormat("gray", (1, 1), depth)
    cells = [format.subsampling for format in every if format.kind == "yuv"]
    across, down = (min(sides) for sides in zip(*cells, strict=True))
    if square and across != down:
        across = down = 1
    return PlaneFormat("yuv", (across, down), 16 if alpha and depth == 12 else depth, alpha)


def unified(frame: av.VideoFrame, color: ColorSpec, turn: Turn, info: ClipInfo) -> av.VideoFrame:
    """Convert the frame to the format of the clip, and turn it so that all frames need the same turn, that of `info`.

    color, turn: of the frame. Details that the format of the clip cannot hold are lost.
    """
    planes = _widened(frame, color, info)
    if turn != (info.rotation, info.mirrored):
        planes = tuple(_turned(plane, turn, (info.rotation, info.mirrored)) for plane in planes)
    return to_av_frame(VideoFrame(planes, info.format, info.color, Fraction(0), Fraction(1)), info.format.pix_fmt)


def turned_size(width: int, height: int, turn: Turn, kept: Turn) -> tuple[int, int]:
    """The width and height of a picture after `unified`, which turns it from `turn` to `kept`."""
    return (width, height) if (turn[0] - kept[0]) % 180 == 0 else (height, width)


def _turned(plane: Plane, turn: Turn, kept: Turn) -> Plane:
    """Turn the plane upright, then to the orientation that needs the turn `kept`."""
    upright = np.rot90(plane, turn[0] // 90)
    if turn[1] != kept[1]:
        upright = np.fliplr(upright)
    return np.rot90(upright, -kept[0] // 90)


def _widened(frame: av.VideoFrame, color: ColorSpec, info: ClipInfo) -> tuple[Plane, ...]:
    """The planes of the frame in the format of the clip."""
    target, own = info.format, nearest_format(frame.format)
    gray = is_gray(frame.format)
    full = target.kind == "rgb" or info.color.full_range
    goal = replace(info.color, full_range=full)
    if own.kind == "yuv" and not gray and (own.kind, own.subsampling) != (target.kind, target.subsampling):
        between = PlaneFormat(target.kind, target.subsampling, own.depth, own.alpha)
        frame = converted(frame, between, color, goal)
        own = between
    else:
        frame = converted(frame, own, color, goal)
    planes = [as_array(plane, own.dtype) for plane in frame.planes]
    opacity = planes.pop() if own.alpha else None
    if gray and target.kind == "rgb":
        planes = planes[:1] * 3
    planes = [
        _deepened(plane, own, target, neutral=target.kind == "yuv" and index > 0) for index, plane in enumerate(planes)
    ]
    shapes = target.shapes(frame.width, frame.height)
    if gray and target.kind == "yuv":
        planes = planes[:1] + [np.full(shape, target.peak // 2 + 1, target.dtype) for shape in shapes[1:3]]
    if target.alpha:
        whole = np.full(shapes[-1], target.peak, target.dtype)
        planes.append(whole if opacity is None else _deepened(opacity, own, target, neutral=False))
    return tuple(planes)


def _deepened(plane: Plane, own: PlaneFormat, target: PlaneFormat, *, neutral: bool) -> Plane:
    """Convert codes from one depth to another. The peak stays the peak; in chroma, `neutral` stays the middle."""
    if own.depth == target.depth:
        return plane
    above, below = (target.peak + 1, own.peak + 1) if neutral else (target.peak, own.peak)
    codes = (plane.astype(np.uint32) * above + below // 2) // below
    return codes.astype(np.uint8) if target.depth == 8 else codes.astype(np.uint16)
