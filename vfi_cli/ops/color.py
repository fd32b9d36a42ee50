"""Codes of any depth <-> RGB, in torch, on whatever device the planes are.

Y'CbCr as in ITU-T H.273, equations 20 to 42: with luma weights (Kr, Kg, Kb) of a matrix, for codes of n bits and
s = 2^(n - 8),

    Y = Kr R + Kg G + Kb B      Pb = (B - Y) / (2 (1 - Kb))      Pr = (R - Y) / (2 (1 - Kr))

    code of Y     = s (16 + 219 Y)   (limited range)   or   (2^n - 1) Y            (full range)
    code of Pb/Pr = s (128 + 224 P)  (limited range)   or   s 128 + (2^n - 1) P    (full range)

RGB is not clamped on the way in; chroma goes up by replication and down by the mean of the same cell. So
`rgb_to_yuv(yuv_to_rgb(frame))` is `frame`, bit for bit, and frames that are copied share one path with frames
that are generated. The same holds of grey and of planes of red, green and blue.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

_LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}  # Kr, Kb


def _spans(full_range: bool, depth: int) -> tuple[float, float, float]:
    """Code of black, codes from black to white, codes from chroma -0.5 to 0.5."""
    scale, peak = 1 << (depth - 8), (1 << depth) - 1
    return (0.0, peak, peak) if full_range else (16.0 * scale, 219.0 * scale, 224.0 * scale)


def yuv_to_rgb(y: Tensor, u: Tensor, v: Tensor, matrix: str, full_range: bool, depth: int = 8) -> Tensor:
    """Planes of codes to RGB.

    Args:
        y: (H, W) uint8, or uint16 for a `depth` of 9 to 16 bits.
        u, v: (ceil(H / sy), ceil(W / sx)) of the same type, sx and sy either 1 or 2.
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
        for row in range(sy):  # strided rows instead of a replicated plane: half the memory traffic
            lines = luma[row::sy]
            torch.add(lines, wide[: lines.shape[0]], out=rgb[row::sy, :, channel])
    return rgb.permute(2, 0, 1)


def rgb_to_yuv(
    rgb: Tensor, matrix: str, full_range: bool, subsampling: tuple[int, int], depth: int = 8
) -> tuple[Tensor, Tensor, Tensor]:
    """RGB to planes of codes, rounded to nearest and clamped to [0, 2^depth - 1].

    Args:
        rgb: (3, H, W) float, nominally in [0, 1]; fastest when channels last in memory.
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

    # Chroma is linear in RGB, so the mean over a cell may be taken before the matrix, on fewer samples.
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
    """A plane of luma codes (H, W) to RGB of no colour, as `yuv_to_rgb`."""
    black, span, _ = _spans(full_range, depth)
    luma = (y.float() - black) / span
    return luma[..., None].repeat(1, 1, 3).permute(2, 0, 1)


def rgb_to_gray(rgb: Tensor, matrix: str, full_range: bool, depth: int = 8) -> Tensor:
    """The luma (H, W) of RGB, as `rgb_to_yuv`."""
    kr, kb = _LUMA_WEIGHTS[matrix]
    black, span, _ = _spans(full_range, depth)
    return _weighted(rgb.float(), (kr * span, (1 - kr - kb) * span, kb * span), black, depth)


def from_codes(planes: Sequence[Tensor], depth: int = 8) -> Tensor:
    """Planes (H, W) whose codes span 0 to 1, be it red, green and blue or opacity, to (C, H, W) float32 in [0, 1]."""
    stacked = torch.stack([plane.float() for plane in planes], 2)  # channels last
    return stacked.div_((1 << depth) - 1).permute(2, 0, 1)


def to_codes(values: Tensor, depth: int = 8) -> tuple[Tensor, ...]:
    """The inverse of `from_codes`: rounded to nearest and clamped, contiguous."""
    return tuple(_codes(plane.float() * ((1 << depth) - 1), depth) for plane in values.unbind(0))


def _weighted(rgb: Tensor, weights: tuple[float, float, float], offset: float, depth: int) -> Tensor:
    """(3, H, W) -> (H, W) codes: weighted sum of the channels plus `offset`."""
    red, green, blue = rgb.unbind(0)
    codes = (red * weights[0]).add_(green, alpha=weights[1]).add_(blue, alpha=weights[2]).add_(offset)
    return _codes(codes, depth)


def _codes(values: Tensor, depth: int) -> Tensor:
    """Rounds and clamps `values` in place -> uint8 or uint16."""
    kind = torch.uint8 if depth == 8 else torch.uint16
    return values.round_().clamp_(0, (1 << depth) - 1).to(kind, memory_format=torch.contiguous_format)
