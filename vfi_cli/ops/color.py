"""YUV codes <-> RGB, in torch, on whatever device the planes are.

Y'CbCr as in ITU-T H.273, equations 20 to 42, for 8-bit codes: with luma weights (Kr, Kg, Kb) of a matrix

    Y = Kr R + Kg G + Kb B      Pb = (B - Y) / (2 (1 - Kb))      Pr = (R - Y) / (2 (1 - Kr))

    code of Y     = 16 + 219 Y   (limited range)   or   255 Y           (full range)
    code of Pb/Pr = 128 + 224 P  (limited range)   or   128 + 255 P     (full range)

RGB is not clamped on the way in; chroma goes up by replication and down by the mean of the same cell. So
`rgb_to_yuv(yuv_to_rgb(frame))` is `frame`, bit for bit, and frames that are copied share one path with frames
that are generated.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}  # Kr, Kb


def _spans(full_range: bool) -> tuple[float, float, float]:
    """Code of black, codes from black to white, codes from chroma -0.5 to 0.5."""
    return (0.0, 255.0, 255.0) if full_range else (16.0, 219.0, 224.0)


def yuv_to_rgb(y: Tensor, u: Tensor, v: Tensor, matrix: str, full_range: bool) -> Tensor:
    """Planes of 8-bit codes to RGB.

    Args:
        y: (H, W) uint8.
        u, v: (ceil(H / sy), ceil(W / sx)) uint8, sx and sy either 1 or 2.
        matrix: "bt601", "bt709" or "bt2020".

    Returns:
        (3, H, W) float32, nominally in [0, 1] but not clamped; a view of (H, W, 3) memory (channels last).
    """
    kr, kb = _LUMA_WEIGHTS[matrix]
    kg = 1 - kr - kb
    black, luma_span, chroma_span = _spans(full_range)
    height, width = y.shape
    sy, sx = -(-height // u.shape[0]), -(-width // u.shape[1])

    luma = (y.float() - black) / luma_span
    pb = (u.float() - 128) / chroma_span
    pr = (v.float() - 128) / chroma_span
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
    rgb: Tensor, matrix: str, full_range: bool, subsampling: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """RGB to planes of 8-bit codes, rounded to nearest and clamped to [0, 255].

    Args:
        rgb: (3, H, W) float, nominally in [0, 1]; fastest when channels last in memory.
        matrix: "bt601", "bt709" or "bt2020".
        subsampling: (sx, sy), luma samples per chroma sample.

    Returns:
        Y (H, W), U and V (ceil(H / sy), ceil(W / sx)), uint8 and contiguous.
    """
    kr, kb = _LUMA_WEIGHTS[matrix]
    kg = 1 - kr - kb
    black, luma_span, chroma_span = _spans(full_range)
    sx, sy = subsampling
    rgb = rgb.float()

    # Chroma is linear in RGB, so the mean over a cell may be taken before the matrix, on fewer samples.
    cells = rgb
    if sx * sy > 1:
        cells = F.avg_pool2d(rgb[None], (sy, sx), ceil_mode=True, count_include_pad=False)[0]
    to_pb, to_pr = chroma_span / (2 * (1 - kb)), chroma_span / (2 * (1 - kr))
    return (
        _codes(rgb, (kr * luma_span, kg * luma_span, kb * luma_span), black),
        _codes(cells, (-kr * to_pb, -kg * to_pb, (1 - kb) * to_pb), 128),
        _codes(cells, ((1 - kr) * to_pr, -kg * to_pr, -kb * to_pr), 128),
    )


def _codes(rgb: Tensor, weights: tuple[float, float, float], offset: float) -> Tensor:
    """(3, H, W) -> (H, W) uint8: weighted sum of the channels plus `offset`."""
    red, green, blue = rgb.unbind(0)
    codes = (red * weights[0]).add_(green, alpha=weights[1]).add_(blue, alpha=weights[2]).add_(offset)
    return codes.round_().clamp_(0, 255).to(torch.uint8, memory_format=torch.contiguous_format)
