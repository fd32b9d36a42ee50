"""Converts the planes of frames to RGB tensors and back. All frames of a job pass through these two functions."""

from __future__ import annotations

import torch
from torch import Tensor

from vfi_cli.ops import color as convert
from vfi_cli.video.types import ColorSpec, Plane, PlaneFormat, VideoFrame


def to_rgb(frame: VideoFrame, device: torch.device | str = "cpu", *, alpha: bool = False) -> Tensor:
    """Convert `frame` to RGB on `device`, by the matrix and the range of its clip.

    Returns:
        (3, H, W) float32, channels last in memory; nominally in [0, 1], but not clamped. With `alpha`: (4, H, W), whose
        last channel is the opacity from 0 to 1; it is 1 if the frame has no alpha.
    """
    format, color = frame.format, frame.color
    planes = [torch.from_numpy(plane).to(device) for plane in frame.planes]
    opacity = planes.pop() if format.alpha else None
    if format.kind == "rgb":
        green, blue, red = planes
        rgb = convert.from_codes((red, green, blue), format.depth)
    elif format.kind == "gray":
        rgb = convert.gray_to_rgb(planes[0], color.full_range, format.depth)
    else:
        y, u, v = planes
        rgb = convert.yuv_to_rgb(y, u, v, color.matrix, color.full_range, format.depth)
    if not alpha:
        return rgb
    return torch.cat((rgb, rgb.new_ones(1, *rgb.shape[1:]) if opacity is None else _opacity(opacity, format.depth)))


def to_planes(image: Tensor, format: PlaneFormat, color: ColorSpec) -> tuple[Plane, ...]:
    """Convert an RGB image to planes. With the format and colours of a frame, this is the exact inverse of `to_rgb`.

    Args:
        image: (3, H, W), or (4, H, W) with opacity. Without opacity, a `format` with alpha becomes opaque.
        format: of the planes.
        color: of the planes.
    """
    rgb = image[:3]
    if format.kind == "rgb":
        red, green, blue = convert.to_codes(rgb, format.depth)
        planes: tuple[Tensor, ...] = green, blue, red
    elif format.kind == "gray":
        planes = (convert.rgb_to_gray(rgb, color.matrix, color.full_range, format.depth),)
    else:
        planes = convert.rgb_to_yuv(rgb, color.matrix, color.full_range, format.subsampling, format.depth)
    if format.alpha:
        opacity = image[3:] if len(image) == 4 else torch.ones_like(rgb[:1])
        planes += convert.to_codes(opacity, format.depth)
    return tuple(plane.cpu().numpy() for plane in planes)


def _opacity(plane: Tensor, depth: int) -> Tensor:
    return convert.from_codes((plane,), depth)
