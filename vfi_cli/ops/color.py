"""Converts codes of any bit depth to RGB and back, in torch, on the device of the planes.

Y'CbCr follows ITU-T H.273, equations 20 to 42. With luma weights (Kr, Kg, Kb) of a matrix, codes of n bits, and
s = 2^(n - 8):

    Y = Kr R + Kg G + Kb B      Pb = (B - Y) / (2 (1 - Kb))      Pr = (R - Y) / (2 (1 - Kr))

    code of Y     = s (16 + 219 Y)   (limited range)   or   (2^n - 1) Y            (full range)
    code of Pb/Pr = s (128 + 224 P)  (limited range)   or   s 128 + (2^n - 1) P    (full range)

RGB is not clamped when codes are read. Chroma is upsampled by replication and downsampled by the mean of the same cell.
Therefore `rgb_to_yuv(yuv_to_rgb(frame))` equals `frame`, bit for bit, and copied frames take the same path as generated
ones. The same holds for grey, and for planes of red, green and blue.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

_LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}  # Kr, Kb


def _spans(full_range: bool, depth: int) -> tuple[float, float, float]:
    """The code of black, and the number of codes from black to white and from chroma -0.5 to 0.5."""
    scale, peak = 1 << (depth - 8), (1 << depth) - 1
    return (0.0, peak, peak) if full_range else (16.0 * scale, 219.0 * scale, 224.0 * scale)


def yuv_to_rgb(y: Tensor, u: Tensor, v: Tensor, matrix: str, full_range: bool, depth: int = 8) -> Tensor:
    """Convert planes of Y'CbCr codes to RGB.

    Args:
        y: (H, W) uint8, or uint16 for a `depth` of 9 to 16 bits.
        u, v: (ceil(H / sy), ceil(W / sx)) of the same type; sx and sy are 1 or 2.
        matrix: "bt601", "bt709" or "bt2020".

    Returns:
        (3, H, W) float32, nominally in [0, 1] but not clamped; a view of (H, W, 3) memory (channels last).
    """
    kr, kb = _LUMA_WEIGHTS[matrix]
    kg = 1 - kr - kb
    black, luma_span, chroma_span = _spans(full_range, depth)
    neutral = 1 << (depth - 1)
    height, width = y.shape
    sy, sx = -(-height // u.shape[0]), -(-width // u.shape[1])

    luma = (y.float() - black) / luma_span
    pb = (u.float() - neutral) / chroma_span
    pr = (v.float() - neutral) / chroma_span
    above_luma = (  # R - Y, G - Y, B - Y on the chroma grid
        pr * (2 * (1 - kr)),
        pr * (-2 * (1 - kr) * kr / kg) + pb * (-2 * (1 - kb) * kb / kg),
        pb * (2 * (1 - kb)),
    )
    rgb = torch.empty((height, width, 3), dtype=torch.float32, device=y.device)
    for channel, chroma in enumerate(above_luma):
        wide = chroma.repeat_interleave(sx, dim=1)[:, :width] if sx > 1 else chroma
        for row in range(sy):  # strided rows need half the memory traffic of a replicated plane
            rows = luma[row::sy]
            torch.add(rows, wide[: rows.shape[0]], out=rgb[row::sy, :, channel])
    return rgb.permute(2, 0, 1)


def rgb_to_yuv(
    rgb: Tensor, matrix: str, full_range: bool, subsampling: tuple[int, int], depth: int = 8
) -> tuple[Tensor, Tensor, Tensor]:
    """Convert RGB to planes of Y'CbCr codes, rounded to nearest and clamped to [0, 2^depth - 1].

    Args:
        rgb: (3, H, W) float, nominally in [0, 1]; fastest if channels last in memory.
        matrix: "bt601", "bt709" or "bt2020".
        subsampling: (sx, sy), luma samples per chroma sample.

    Returns:
        Y (H, W), U and V (ceil(H / sy), ceil(W / sx)), contiguous; uint8, or uint16 for more than 8 bits.
    """
    kr, kb = _LUMA_WEIGHTS[matrix]
    kg = 1 - kr - kb
    black, luma_span, chroma_span = _spans(full_range, depth)
    neutral = 1 << (depth - 1)
    sx, sy = subsampling
    rgb = rgb.float()

    # Chroma is linear in RGB, so the mean over a cell may come before the matrix, which then has fewer samples.
    cells = rgb
    if sx * sy > 1:
        cells = F.avg_pool2d(rgb[None], (sy, sx), ceil_mode=True, count_include_pad=False)[0]
    to_pb, to_pr = chroma_span / (2 * (1 - kb)), chroma_span / (2 * (1 - kr))
    return (
        _weighted(rgb, (kr * luma_span, kg * luma_span, kb * luma_span), black, depth),
        _weighted(cells, (-kr * to_pb, -kg * to_pb, (1 - kb) * to_pb), neutral, depth),
        _weighted(cells, ((1 - kr) * to_pr, -kg * to_pr, -kb * to_pr), neutral, depth),
    )


def gray_to_rgb(y: Tensor, full_range: bool, depth: int = 8) -> Tensor:
    """Convert a plane of luma codes (H, W) to grey RGB (3, H, W), as `yuv_to_rgb` does."""
    black, span, _ = _spans(full_range, depth)
    luma = (y.float() - black) / span
    return luma[..., None].repeat(1, 1, 3).permute(2, 0, 1)


def rgb_to_gray(rgb: Tensor, matrix: str, full_range: bool, depth: int = 8) -> Tensor:
    """Convert RGB (3, H, W) to its luma codes (H, W), as `rgb_to_yuv` does."""
    kr, kb = _LUMA_WEIGHTS[matrix]
    black, span, _ = _spans(full_range, depth)
    return _weighted(rgb.float(), (kr * span, (1 - kr - kb) * span, kb * span), black, depth)


def from_codes(planes: Sequence[Tensor], depth: int = 8) -> Tensor:
    """Convert C planes (H, W) of full-range codes, such as RGB or opacity, to (C, H, W) float32 in [0, 1]."""
    stacked = torch.stack([plane.float() for plane in planes], 2)  # channels last
    return stacked.div_((1 << depth) - 1).permute(2, 0, 1)


def to_codes(values: Tensor, depth: int = 8) -> tuple[Tensor, ...]:
    """Inverse of `from_codes`: (C, H, W) -> C planes of codes (H, W), rounded to nearest, clamped, and contiguous."""
    return tuple(_codes(plane.float() * ((1 << depth) - 1), depth) for plane in values.unbind(0))


def _weighted(rgb: Tensor, weights: tuple[float, float, float], offset: float, depth: int) -> Tensor:
    """(3, H, W) -> (H, W) codes of the weighted sum of the channels, plus `offset`."""
    red, green, blue = rgb.unbind(0)
    codes = (red * weights[0]).add_(green, alpha=weights[1]).add_(blue, alpha=weights[2]).add_(offset)
    return _codes(codes, depth)


def _codes(values: Tensor, depth: int) -> Tensor:
    """Round and clamp codes in place, and return them as uint8 or uint16."""
    kind = torch.uint8 if depth == 8 else torch.uint16
    return values.round_().clamp_(0, (1 << depth) - 1).to(kind, memory_format=torch.contiguous_format)
