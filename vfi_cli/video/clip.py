"""`ClipInfo` describes a clip: its video stream, its other streams, its chapters.

Times are `Fraction` seconds on the clock of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vfi_cli.video.container.marks import Marks
from vfi_cli.video.container.parts import Part
from vfi_cli.video.hdr import StaticHdr
from vfi_cli.video.timestamps.offsets import Offsets
from vfi_cli.video.types import ColorSpec, PlaneFormat

StreamKind = Literal["video", "audio", "subtitle", "data", "attachment", "unknown"]


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream of the file other than the video that is read.

    Args:
        kind: "attachment" also for a cover image, even if the file stores it as a video stream.
        codec: FFmpeg's name; empty if it has none.
        title: title that the file states; of an attachment, its file name.
        flags: FFmpeg's dispositions: "default", "forced", "attached_pic", ...
        other_program: whether the stream belongs only to programs of the file that do not contain the video.
    """

    index: int
    kind: StreamKind
    codec: str
    language: str = ""
    title: str = ""
    flags: tuple[str, ...] = ()
    other_program: bool = False

    @property
    def cover(self) -> bool:
        """Whether the stream is a cover image."""
        return "attached_pic" in self.flags

    def __str__(self) -> str:
        words = ", ".join(filter(None, (self.codec, self.language, self.title, *self.flags)))
        return f"{self.kind} #{self.index}" + (f" ({words})" if words else "")


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of the clip; `start` and `end` in seconds on the clock of the file."""

    start: Fraction
    end: Fraction
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """The description of a clip, see `read.probe`.

    Args:
        container: FFmpeg's name of the demuxer, e.g. "mov,mp4,m4a,3gp,3g2,mj2".
        index: index of the video stream that is read.
        pix_fmt: pixel format in the file; `format` is the format of the decoded frames.
        average_rate: frames per second, NTSC rates exact; the mean if the frame rate is variable.
        time_base: seconds per tick of the timestamps.
        start: time of the first shown frame, in seconds.
        origin: time at which the first frame or the first audio starts, whichever is earlier, in seconds. This time
            becomes 0 in an output of the whole clip with audio, see `EncodePlan.origin`.
        duration: seconds from the start of the first frame to the end of the last one, as far as it is known.
        declared: whether the file itself states `duration`; then a clip that ends earlier is damaged.
        frame_count: exact if the file states it or was read to its end, else an estimate.
        vfr: whether the frame rate is variable; None if unknown.
        offsets: offsets that turn the clocks of the file into one clock; all times here are on that clock.
        reach: bytes from the start of the file that FFmpeg must read to know all streams; 0: FFmpeg's default.
        unread: parts at the end of a joined file that cannot be read together with the parts before them.
        grid: points per second of the grid that most frame times lie on; None if all frames are evenly spaced anyway,
            or if there is no grid. See `frame_rate.Grid`.
        phase: a point of that grid, in seconds, if the clock jitters so much that `PROVED_JITTER` applies.
        live: whether the clip arrives while it is read; then `duration` and `frame_count` are not known.
        hdr: static metadata of HDR10.
        sar: sample aspect ratio.
        rotation: degrees by which a player turns frames counter-clockwise; decoded frames are not turned.
        mirrored: whether a player then mirrors them left to right.
        properties: other properties of the video that the file states, by name, see `preserved.read_properties`.
        marks: marks of 360 degree video and stereo.
        interlaced: whether frames consist of two fields.
        fields_at: seconds from the first frame to the first interlaced one, if the clip begins progressive.
        deinterlace: set by an option: the fields are deinterlaced.
        retimed: set by an option: frames come at `average_rate`, their own times are ignored.
        progressive: set by an option: frames that are marked as interlaced are read as progressive ones.
        tags, flags: of the video stream, as in `StreamInfo`; `metadata` is that of the file.
        timecode: timecode of the first frame, "hh:mm:ss:ff"; empty if the file states none.
        others: all streams except the video that is read and those that only repeat chapters or the timecode.
        notes: what the user should know (a guessed matrix, reduced depth, ...), one sentence each.
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
        """Whether an option says how to read frames that are marked as interlaced."""
        return self.deinterlace or self.progressive

    @property
    def audio(self) -> tuple[StreamInfo, ...]:
        """The audio streams."""
        return tuple(stream for stream in self.others if stream.kind == "audio")
