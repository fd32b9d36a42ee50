"""The values that travel through the video floor: colour, planes, frames, and what is known of a clip.

Times are `Fraction` seconds on the clock of the file: a clip that starts at 0.5 s has frames from 0.5 s on.
Pixels are planar, in the formats that `PlaneFormat` can name, whatever the file stores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vfi_cli.video.hdr import StaticHdr
from vfi_cli.video.marks import Marks
from vfi_cli.video.offsets import Offsets
from vfi_cli.video.parts import Part

Matrix = Literal["bt601", "bt709", "bt2020"]
StreamKind = Literal["video", "audio", "subtitle", "data", "attachment", "unknown"]
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


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream of the file other than the video that is read.

    Args:
        kind: a cover picture counts as an attachment, in whatever way the file holds it.
        codec: FFmpeg's name, empty where it has none.
        title: as the file states it; the name of an attached file.
        flags: what FFmpeg calls dispositions: "default", "forced", "attached_pic", ...
        stranger: it belongs only to other programmes of the file, not to that of the picture.
    """

    index: int
    kind: StreamKind
    codec: str
    language: str = ""
    title: str = ""
    flags: tuple[str, ...] = ()
    stranger: bool = False

    @property
    def cover(self) -> bool:
        """A picture of the whole file, not a moving one."""
        return "attached_pic" in self.flags

    def __str__(self) -> str:
        words = ", ".join(filter(None, (self.codec, self.language, self.title, *self.flags)))
        return f"{self.kind} #{self.index}" + (f" ({words})" if words else "")


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
        start: time of the first frame that is shown, in seconds.
        origin: seconds, time of whatever starts first, sound or picture; becomes 0 in the output.
        duration: seconds from the first frame to the end of the last one, as far as it is known.
        declared: the file itself states `duration`, so that a clip that ends early is a damaged one.
        frame_count: exact when the file states it, else an estimate.
        vfr: the spacing of frames varies; None if unknown.
        offsets: they make one clock of the clocks in the file; all times are on that clock.
        reach: bytes from the start of the file that FFmpeg must read to know all streams; 0: as many as usual.
        unread: parts at the end of a joined file that cannot be read together with those before them.
        grid: frames per second; in a clip of variable rate, nearly all times lie on multiples of its interval.
        phase: seconds, a time on that grid, if the clock jitters by so much that `PROVED_JITTER` applies.
        live: the clip is not there yet: `duration` and `frame_count` are not known.
        hdr: static metadata of HDR10.
        sar: sample aspect ratio.
        rotation: degrees counter-clockwise that a player turns the picture; frames are not turned.
        mirrored: a player then mirrors it, left to right.
        properties: of the picture, by name, as the file states them, see `properties.read_properties`.
        marks: of 360 degree video and stereo.
        interlaced: made of fields.
        fields_at: seconds after the first frame, for a clip that begins with whole pictures: here it has fields.
        deinterlace: set by an option: fields are made whole pictures.
        retimed: set by an option: frames come at `average_rate`, their own times are ignored.
        progressive: set by an option: pictures that are marked as fields are read as whole ones.
        tags, flags: of the video stream, as in `StreamInfo`; `metadata` is of the file.
        timecode: of the first frame, "hh:mm:ss:ff", where the file states one.
        others: every stream but the video that is read, and those that only repeat chapters or the timecode.
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
    grid: Fraction | None = None
    phase: Fraction | None = None
    offsets: Offsets = field(default_factory=Offsets)
    reach: int = 0
    unread: tuple[Part, ...] = ()
    live: bool = False
    hdr: StaticHdr | None = None
    sar: Fraction = Fraction(1)
    rotation: int = 0
    mirrored: bool = False
    properties: Mapping[str, str] = field(default_factory=dict)
    marks: Marks = field(default_factory=Marks)
    interlaced: bool = False
    fields_at: Fraction | None = None
    deinterlace: bool = False
    progressive: bool = False
    retimed: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    timecode: str = ""
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
    def takes_fields(self) -> bool:
        """Whether an option says how to read pictures that are marked as fields."""
        return self.deinterlace or self.progressive

    @property
    def audio(self) -> tuple[StreamInfo, ...]:
        """The sound tracks."""
        return tuple(stream for stream in self.others if stream.kind == "audio")
