"""The value types of `vfi_cli.video`: colour, plane formats and frames. The type of a clip is in `clip`.

Times are `Fraction` seconds on the clock of the file: a clip that starts at 0.5 s has frames from 0.5 s on.
Frames are planar, in the formats that `PlaneFormat` can describe, whatever pixel format the file has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Matrix = Literal["bt601", "bt709", "bt2020"]
Kind = Literal["yuv", "gray", "rgb"]
Plane = NDArray[np.uint8] | NDArray[np.uint16]

UNSPECIFIED = 2  # in every table of ITU-T H.273
RGB_MATRIX = 0
HDR_TRANSFERS = (16, 18)  # PQ and HLG, ITU-T H.273, table 3
MATRIX_CODES: dict[Matrix, int] = {"bt601": 6, "bt709": 1, "bt2020": 9}  # ITU-T H.273, table 4


@dataclass(frozen=True, slots=True)
class ColorSpec:
    """The meaning of YUV codes as colours.

    Args:
        matrix: converts between YUV and RGB.
        full_range: whether luma uses all codes, in 8 bits 0..255 instead of 16..235.
        primaries, transfer: code points of ITU-T H.273. They are copied to the output; no colour is computed from them.
        guessed: the source has no matrix tag, so `matrix` is our choice. The output then has no tag either.
        tag: code point of ITU-T H.273 that the source states, if `matrix` has several; 0: that in MATRIX_CODES.
    """

    matrix: Matrix
    full_range: bool = False
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    guessed: bool = False
    tag: int = 0

    def __post_init__(self) -> None:
        if self.matrix not in MATRIX_CODES:
            raise ValueError(f"matrix: got {self.matrix!r}, expected one of {', '.join(MATRIX_CODES)}")

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer is PQ or HLG."""
        return self.transfer in HDR_TRANSFERS

    @property
    def matrix_code(self) -> int:
        """The code point of ITU-T H.273 to write into a file."""
        return UNSPECIFIED if self.guessed else self.tag or MATRIX_CODES[self.matrix]

    def __str__(self) -> str:
        range_name = "full" if self.full_range else "limited"
        return f"{self.matrix} {range_name}{' (guessed)' if self.guessed else ''}"


_CHROMA: dict[str, tuple[int, int]] = {"420": (2, 2), "422": (2, 1), "444": (1, 1)}
_DEPTHS = (8, 10, 12, 16)


@dataclass(frozen=True, slots=True)
class PlaneFormat:
    """The planes of a frame: their number, size and depth.

    Args:
        kind: which planes there are, in the order of FFmpeg: Y U V, Y, or G B R.
        subsampling: (sx, sy), the luma samples that share a chroma sample; (1, 1) unless `kind` is "yuv".
        depth: bits of a code: 8, 10, 12 or 16. Codes of more than 8 bits are the low bits of a uint16.
        alpha: whether a last plane of full size holds opacity: 0 is transparent, `peak` is opaque.
    """

    kind: Kind
    subsampling: tuple[int, int] = (1, 1)
    depth: int = 8
    alpha: bool = False

    def __post_init__(self) -> None:
        if self.depth not in _DEPTHS or self.subsampling not in _CHROMA.values():
            raise ValueError(f"got {self.depth} bits {self.subsampling}, expected {_DEPTHS} and {_CHROMA}")
        if self.kind != "yuv" and self.subsampling != (1, 1):
            raise ValueError(f"{self.kind} has no subsampled planes, got {self.subsampling}")
        if self.alpha and (self.kind == "gray" or (self.subsampling, self.depth) == ((2, 2), 12)):
            raise ValueError(f"FFmpeg has no planar {self.depth}-bit {self.kind} {self.subsampling} with alpha")

    @classmethod
    def named(cls, pix_fmt: str) -> PlaneFormat:
        """The format with FFmpeg's name `pix_fmt`; "le" may be left out. Raises ValueError for other formats."""
        name = re.fullmatch(r"(?:(gray)|gbr(a?)p|yuv(a?)(420|422|444)p)(10|12|16)?(?:(?<=\d\d)le)?", pix_fmt)
        if name is None:
            raise ValueError(f"pix_fmt: got {pix_fmt!r}, expected e.g. yuv420p, yuv422p10, gray12 or gbrp")
        gray, rgb_alpha, yuv_alpha, chroma, depth = name.groups()
        kind: Kind = "gray" if gray else "yuv" if chroma else "rgb"
        return cls(kind, _CHROMA.get(chroma, (1, 1)), int(depth or 8), bool(rgb_alpha or yuv_alpha))

    @property
    def pix_fmt(self) -> str:
        """FFmpeg's name of the format."""
        suffix = f"{self.depth}le" if self.depth > 8 else ""
        if self.kind == "gray":
            return f"gray{suffix}"
        alpha = "a" if self.alpha else ""
        return f"gbr{alpha}p{suffix}" if self.kind == "rgb" else f"yuv{alpha}{self.chroma}p{suffix}"

    @property
    def chroma(self) -> str:
        """The subsampling: "420", "422" or "444"."""
        return next(name for name, factors in _CHROMA.items() if factors == self.subsampling)

    @property
    def peak(self) -> int:
        """The highest code."""
        return (1 << self.depth) - 1

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """The NumPy type of the planes."""
        return np.dtype(np.uint8) if self.depth == 8 else np.dtype(np.uint16)

    def shapes(self, width: int, height: int) -> tuple[tuple[int, int], ...]:
        """(rows, columns) of every plane of a frame; the chroma of odd sizes is rounded up."""
        sx, sy = self.subsampling
        chroma = (-(-height // sy), -(-width // sx))
        shapes = ((height, width),) if self.kind == "gray" else ((height, width), chroma, chroma)
        return (*shapes, (height, width)) if self.alpha else shapes


def every_format() -> Iterator[PlaneFormat]:
    """All valid plane formats."""
    for depth, alpha in product(_DEPTHS, (False, True)):
        if not alpha:
            yield PlaneFormat("gray", depth=depth)
        for subsampling in _CHROMA.values():
            if not alpha or (subsampling, depth) != ((2, 2), 12):
                yield PlaneFormat("yuv", subsampling, depth, alpha)
        yield PlaneFormat("rgb", (1, 1), depth, alpha)


@dataclass(frozen=True, slots=True, eq=False)
class VideoFrame:
    """A frame: its planes, its time and its duration.

    Args:
        planes: arrays of `format.shapes` and `format.dtype`; rows may be padded in memory, columns may not.
        color: meaning of the codes. For an RGB frame it is used only if the frame is later converted to YUV.
        pts: seconds on the clock of the file.
        duration: seconds until the next frame, > 0.
    """

    planes: tuple[Plane, ...]
    format: PlaneFormat
    color: ColorSpec
    pts: Fraction
    duration: Fraction

    def __post_init__(self) -> None:
        got = tuple(plane.shape for plane in self.planes)
        expected, kind = self.format.shapes(self.width, self.height), self.format.dtype
        if got != expected or any(plane.dtype != kind for plane in self.planes):
            raise ValueError(f"planes of {self.format.pix_fmt}: got {got}, expected {kind} {expected}")
        if self.duration <= 0:
            raise ValueError(f"duration: got {self.duration}, expected > 0")

    @property
    def width(self) -> int:
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        return int(self.planes[0].shape[0])

    @property
    def luma(self) -> NDArray[np.uint8]:
        """(H, W) in 8 bits, for comparing frames: the luma, or the green plane of an RGB frame."""
        plane = self.planes[0]
        if self.format.depth == 8:
            return plane.astype(np.uint8, copy=False)
        return (plane >> (self.format.depth - 8)).astype(np.uint8)

    def __repr__(self) -> str:
        size = f"{self.width}x{self.height} {self.format.pix_fmt}"
        return f"VideoFrame({size}, {self.color}, pts={self.pts}, duration={self.duration})"
