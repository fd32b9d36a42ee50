"""The values that travel through the video floor: colour, planes, frames, and what is known of a clip.

Times are `Fraction` seconds on the clock of the file: a clip that starts at 0.5 s has frames from 0.5 s on.
Pixels are 8-bit planar YUV; `PlaneFormat.depth` is where deeper formats will come in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Matrix = Literal["bt601", "bt709", "bt2020"]
StreamKind = Literal["video", "audio", "subtitle", "data", "attachment", "unknown"]
Plane = NDArray[np.uint8]

UNSPECIFIED = 2  # in every table of ITU-T H.273
MATRIX_CODES: dict[Matrix, int] = {"bt601": 6, "bt709": 1, "bt2020": 9}  # ITU-T H.273, table 4


@dataclass(frozen=True, slots=True)
class ColorSpec:
    """How YUV codes mean colour.

    Args:
        matrix: the YUV <-> RGB matrix.
        full_range: luma codes span 0..255 instead of 16..235.
        primaries, transfer: code points of ITU-T H.273, carried but never interpreted.
        guessed: the clip has no matrix tag, `matrix` is our choice; the output stays untagged like the input.
    """

    matrix: Matrix
    full_range: bool = False
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    guessed: bool = False

    def __post_init__(self) -> None:
        if self.matrix not in MATRIX_CODES:
            raise ValueError(f"matrix: got {self.matrix!r}, expected one of {', '.join(MATRIX_CODES)}")

    @property
    def matrix_code(self) -> int:
        """The code point of ITU-T H.273 to write into a file."""
        return UNSPECIFIED if self.guessed else MATRIX_CODES[self.matrix]

    def __str__(self) -> str:
        span = "full" if self.full_range else "limited"
        return f"{self.matrix} {span}{' (guessed)' if self.guessed else ''}"


_SUBSAMPLING = {"yuv420p": (2, 2), "yuv422p": (2, 1), "yuv444p": (1, 1)}


@dataclass(frozen=True, slots=True)
class PlaneFormat:
    """A planar YUV layout: one chroma sample serves a cell of `subsampling` = (sx, sy) luma samples."""

    pix_fmt: str
    subsampling: tuple[int, int]
    depth: int = 8

    @classmethod
    def named(cls, pix_fmt: str) -> PlaneFormat:
        """The format called `pix_fmt`; `ValueError` if it is not one of ours."""
        if pix_fmt not in _SUBSAMPLING:
            raise ValueError(f"pix_fmt: got {pix_fmt!r}, expected one of {', '.join(_SUBSAMPLING)}")
        return cls(pix_fmt, _SUBSAMPLING[pix_fmt])

    def shapes(self, width: int, height: int) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """(rows, columns) of the planes Y, U, V of a picture; odd sizes round chroma up."""
        sx, sy = self.subsampling
        chroma = (-(-height // sy), -(-width // sx))
        return (height, width), chroma, chroma


@dataclass(frozen=True, slots=True, eq=False)
class VideoFrame:
    """One picture and the time it is shown.

    Args:
        planes: Y, U, V as uint8 (rows, columns) arrays; rows may be padded in memory, columns may not.
        pts: seconds on the clock of the file.
        duration: seconds until the next frame, > 0.
    """

    planes: tuple[Plane, Plane, Plane]
    format: PlaneFormat
    color: ColorSpec
    pts: Fraction
    duration: Fraction

    def __post_init__(self) -> None:
        got = tuple(plane.shape for plane in self.planes)
        expected = self.format.shapes(self.width, self.height)
        if got != expected or any(plane.dtype != np.uint8 for plane in self.planes):
            raise ValueError(f"planes of {self.format.pix_fmt}: got {got}, expected uint8 {expected}")
        if self.duration <= 0:
            raise ValueError(f"duration: got {self.duration}, expected > 0")

    @property
    def width(self) -> int:
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        return int(self.planes[0].shape[0])

    def __repr__(self) -> str:
        size = f"{self.width}x{self.height} {self.format.pix_fmt}"
        return f"VideoFrame({size}, {self.color}, pts={self.pts}, duration={self.duration})"


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream of the file other than the video that is read."""

    index: int
    kind: StreamKind
    codec: str
    language: str = ""

    def __str__(self) -> str:
        return f"{self.kind} #{self.index} ({', '.join(filter(None, (self.codec, self.language)))})"


@dataclass(frozen=True, slots=True)
class Chapter:
    """A named stretch of the clip, in seconds on the clock of the file."""

    start: Fraction
    end: Fraction
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What `probe` learned of a file without decoding it.

    Args:
        container: demuxer name of FFmpeg, e.g. "mov,mp4,m4a,3gp,3g2,mj2".
        index: of the video stream that is read.
        pix_fmt: as stored; `format` is what `decode` yields.
        average_rate: frames per second, NTSC rates exact; the mean for variable rate.
        time_base: seconds per tick of the timestamps.
        start: seconds, time of the first frame.
        origin: seconds, time of whatever starts first, sound or picture; becomes 0 in the output.
        duration: seconds from the first frame to the end of the last one, as far as it is known.
        declared: the file itself states `duration`, so that a clip that ends early is a damaged one.
        frame_count: exact when the file states it, else an estimate.
        vfr: the spacing of frames varies; None if it could not be told.
        sar: sample aspect ratio.
        rotation: degrees counter-clockwise that a player turns the picture; frames are not turned.
        others: every stream but the video that is read.
        notes: one sentence each for what the user should know (a guessed matrix, reduced depth, ...).
    """

    path: Path
    container: str
    index: int
    codec: str
    width: int
    height: int
    pix_fmt: str
    format: PlaneFormat
    color: ColorSpec
    average_rate: Fraction
    time_base: Fraction
    start: Fraction
    origin: Fraction
    duration: Fraction
    declared: bool
    frame_count: int
    vfr: bool | None
    sar: Fraction = Fraction(1)
    rotation: int = 0
    interlaced: bool = False
    others: tuple[StreamInfo, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.average_rate <= 0:
            raise ValueError(f"average_rate: got {self.average_rate}, expected > 0")
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"size: got {self.width}x{self.height}, expected at least 1x1")

    @property
    def audio(self) -> tuple[StreamInfo, ...]:
        """The streams that can be copied."""
        return tuple(stream for stream in self.others if stream.kind == "audio")

    @property
    def left_out(self) -> tuple[StreamInfo, ...]:
        """The streams that no output holds; name them to the user before the first frame."""
        return tuple(stream for stream in self.others if stream.kind != "audio")
