"""What is known of a clip: its picture, its other streams, its chapters.

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
        properties: of the picture, by name, as the file states them, see `preserved.read_properties`.
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
