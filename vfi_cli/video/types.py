"""The values that travel through the video floor: colour, planes and frames. See `clip` for clips.

Times are `Fraction` seconds on the clock of the file: a clip that starts at 0.5 s has frames from 0.5 s on.
Pixels are planar, in the formats that `PlaneFormat` can name, whatever the file stores.
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
    """How YUV codes mean colour.

    Args:
        matrix: the YUV <-> RGB matrix.
        full_range: all codes are used for luma, 0..255 instead of 16..235 in 8 bits.
        primaries, transfer: code points of ITU-T H.273, carried but never interpreted.
        guessed: the clip has no matrix tag, `matrix` is our choice; the output stays untagged like the input.
        tag: the code point of ITU-T H.273 that the clip has for `matrix`, where there are several; 0: the usual one.
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
        span = "full" if self.full_range else "limited"
        return f"{self.matrix} {span}{' (guessed)' if self.guessed else ''}"


_CHROMA: dict[str, tuple[int, int]] = {"420": (2, 2), "422": (2, 1), "444": (1, 1)}
_DEPTHS = (8, 10, 12, 16)


@dataclass(frozen=True, slots=True)
class PlaneFormat:
    """How a picture is laid out in planes.

    Args:
        kind: which planes there are, in the order of FFmpeg: Y U V, Y, or G B R.
        subsampling: (sx, sy), the luma samples that share a chroma sample; (1, 1) unless `kind` is "yuv".
        depth: bits of a code: 8, 10, 12 or 16. Codes of more than 8 bits are the low bits of a uint16.
        alpha: there is a last plane of full size, 0 where nothing is seen and `peak` where the picture is opaque.
    """

    kind: Kind
    subsampling: tuple[int, int] = (1, 1)
    depth: int = 8
    alpha: bool = False

    def __post_init__(self) -> None:
        if self.depth not in _DEPTHS or self.subsampling not in _CHROMA.values():
            raise ValueError(f"got {self.depth} bits {self.subsampling}, expected {_DEPTHS} and {_CHROMA}")
        if self.kind != "yuv" and self.subsampling != (1, 1):
            raise ValueError(f"{self.kind} pictures have no subsampled planes, got {self.subsampling}")
        if self.alpha and (self.kind == "gray" or (self.subsampling, self.depth) == ((2, 2), 12)):
            raise ValueError(f"FFmpeg has no planar {self.depth}-bit {self.kind} {self.subsampling} with alpha")

    @classmethod
    def named(cls, pix_fmt: str) -> PlaneFormat:
        """The format that FFmpeg calls `pix_fmt`, "le" at its end or not; `ValueError` if it is not one of ours."""
        name = re.fullmatch(r"(?:(gray)|gbr(a?)p|yuv(a?)(420|422|444)p)(10|12|16)?(?:(?<=\d\d)le)?", pix_fmt)
        if name is None:
            raise ValueError(f"pix_fmt: got {pix_fmt!r}, expected e.g. yuv420p, yuv422p10, gray12 or gbrp")
        gray, rgb_alpha, yuv_alpha, chroma, depth = name.groups()
        kind: Kind = "gray" if gray else "yuv" if chroma else "rgb"
        return cls(kind, _CHROMA.get(chroma, (1, 1)), int(depth or 8), bool(rgb_alpha or yuv_alpha))

    @property
    def pix_fmt(self) -> str:
        """FFmpeg's name for it."""
        deep = f"{self.depth}le" if self.depth > 8 else ""
        if self.kind == "gray":
            return f"gray{deep}"
        alpha = "a" if self.alpha else ""
        return f"gbr{alpha}p{deep}" if self.kind == "rgb" else f"yuv{alpha}{self.chroma}p{deep}"

    @property
    def chroma(self) -> str:
        """The subsampling as people write it, without colons: "420", "422" or "444"."""
        return next(name for name, cell in _CHROMA.items() if cell == self.subsampling)

    @property
    def peak(self) -> int:
        """The highest code."""
        return (1 << self.depth) - 1

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """Of the planes."""
        return np.dtype(np.uint8) if self.depth == 8 else np.dtype(np.uint16)

    def shapes(self, width: int, height: int) -> tuple[tuple[int, int], ...]:
        """(rows, columns) of every plane of a picture; odd sizes round chroma up."""
        sx, sy = self.subsampling
        chroma = (-(-height // sy), -(-width // sx))
        colors = ((height, width),) if self.kind == "gray" else ((height, width), chroma, chroma)
        return (*colors, (height, width)) if self.alpha else colors


def every_format() -> Iterator[PlaneFormat]:
    """All formats there are."""
    for depth, alpha in product(_DEPTHS, (False, True)):
        if not alpha:
            yield PlaneFormat("gray", depth=depth)
        for cell in _CHROMA.values():
            if not alpha or (cell, depth) != ((2, 2), 12):
                yield PlaneFormat("yuv", cell, depth, alpha)
        yield PlaneFormat("rgb", (1, 1), depth, alpha)


@dataclass(frozen=True, slots=True, eq=False)
class VideoFrame:
    """One picture and the time it is shown.

    Args:
        planes: as `format` says, (rows, columns) arrays of its dtype; rows may be padded in memory, columns may not.
        color: means nothing to the planes of an RGB picture, only to what is made of them.
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
        """(H, W) in 8 bits, to tell scenes apart by: the green of an RGB picture."""
        first = self.planes[0]
        if self.format.depth == 8:
            return first.astype(np.uint8, copy=False)
        return (first >> (self.format.depth - 8)).astype(np.uint8)

    def __repr__(self) -> str:
        size = f"{self.width}x{self.height} {self.format.pix_fmt}"
        return f"VideoFrame({size}, {self.color}, pts={self.pts}, duration={self.duration})"
