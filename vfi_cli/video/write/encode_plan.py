"""What an output file will be, settled before anything is computed: container, codec, times, what is carried over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.container.marks import Marks
from vfi_cli.video.formats import OutputFormat, output_format
from vfi_cli.video.hdr import joined
from vfi_cli.video.properties.preserved import SITING, Properties, expected
from vfi_cli.video.streams.tags import OutputTags, plan_tags
from vfi_cli.video.types import ColorSpec, PlaneFormat
from vfi_cli.video.write.codecs import choose_format, encoder_options, find_encoder, takes_size
from vfi_cli.video.write.reproducible import repeatable

_FINE_TICK = 90_000  # at least so many ticks per second where times are not on a grid: off by 6 us at most
_MAX_TICK = 2**31 - 1  # what a time scale of MP4 holds


@dataclass(frozen=True, slots=True)
class EncodePlan:
    """Everything about the output but its frames; `plan_encode` makes one that fits a clip.

    Args:
        target: the final file.
        output: its format.
        codec: encoder name of FFmpeg.
        options: of the encoder, as FFmpeg calls them.
        format: of the frames that will be written.
        rate: frames per second, the mean where the rate varies.
        time_base: seconds per tick of the output.
        origin: the time of a frame, in seconds, that becomes 0 in the output.
        siting: the place of chroma samples, by FFmpeg's name; empty if unknown.
        marks: of 360 degree video and stereo.
        properties: of the picture; the file should state them, if its container and encoder can.
        tags: tags, chapters and the like.
        notes: one sentence each for what the user should know.
    """

    target: Path
    output: OutputFormat
    codec: str
    options: Mapping[str, str]
    width: int
    height: int
    format: PlaneFormat
    color: ColorSpec
    rate: Fraction
    time_base: Fraction
    origin: Fraction = Fraction(0)
    sar: Fraction = Fraction(1)
    rotation: int = 0
    mirrored: bool = False
    siting: str = ""
    marks: Marks = field(default_factory=Marks)
    properties: Properties = field(default_factory=dict)
    tags: OutputTags = field(default_factory=OutputTags)
    notes: tuple[str, ...] = ()

    def tick(self, time: Fraction) -> int:
        """The tick of the output that `time`, in seconds on the clock of the frames, falls on.

        Halves are always rounded up, so times that are one tick apart never get the same tick.
        """
        return math.floor((time - self.origin) / self.time_base + Fraction(1, 2))


def plan_encode(
    info: ClipInfo,
    target: Path,
    *,
    fps: Fraction | None = None,
    multiple: int = 1,
    stretch: int = 1,
    start: Fraction | None = None,
    stop: Fraction | None = None,
    sound: bool = True,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    pix_fmt: str | None = None,
    options: Mapping[str, str] | None = None,
) -> EncodePlan:
    """The plan that carries over all of `info` that an output can hold.

    Args:
        fps: frames sit at multiples of 1/fps after the first one; None: at the times of the source, between
            each two of them `multiple` - 1 more.
        stretch: times of the source are this many times longer in the output (slow motion).
        start, stop: the part of the clip that is used, in seconds after its first frame.
        sound: it will be copied, so what it is ahead of the picture counts; else the first frame becomes 0.
        codec: encoder, by FFmpeg's name for it or for its format; None: H.264, H.265 for HDR and what is deeper than
            10 bits; in .webm VP9, and AV1 for more than 8 bits.
        crf: quality on the codec's own scale, lower is better.
        pix_fmt: see `PlaneFormat.named`; None: that of the clip, or what keeps most of it.
        options: further options of the encoder; they win over all others.

    Raises UsageError for a choice that no file can be made of.
    """
    output = output_format(target)
    rate = fps or info.average_rate * multiple / stretch
    remarks = tuple(output.check(info, codec, rate, steady=fps is not None))
    encoder = find_encoder(output.encoder or codec or _usual_encoder(info, output))
    format, notes = choose_format(encoder, info.width, info.height, info.format, pix_fmt)
    mastering = info.hdr.options(encoder.name) if info.hdr is not None else {}
    properties = expected(info, format)
    origin = (info.start + start if start else info.origin if sound and output.is_video else info.start) * stretch
    if not output.is_video:
        time_base = output.tick or 1 / rate
    elif fps is None:
        time_base = _common_tick(info, multiple)
    else:
        offset = None if start else info.start * stretch - origin
        time_base = _grid_tick(fps, offset)
    settings = encoder_options(encoder.name, format, crf, preset)
    tags = plan_tags(info, output, rate=rate, origin=origin, stretch=stretch, start=start, stop=stop)
    return EncodePlan(
        target=target,
        output=output,
        codec=encoder.name,
        options=joined(settings, repeatable(encoder.name, info.width), mastering or {}, options or {}),
        width=info.width,
        height=info.height,
        format=format,
        color=output.color(info.color),
        rate=rate,
        time_base=time_base,
        origin=origin,
        sar=info.sar,
        rotation=info.rotation,
        mirrored=info.mirrored,
        siting=properties.get(SITING, ""),
        marks=info.marks,
        properties=properties,
        tags=tags,
        notes=(*remarks, *notes, *tags.notes),
    )


def _usual_encoder(info: ClipInfo, output: OutputFormat) -> str:
    """The most common encoder that keeps depth and dynamic range."""
    if output.royalty_free:  # PyAV's libvpx is built for 8 bits
        return "libsvtav1" if info.format.depth > 8 and not info.format.alpha else "libvpx-vp9"
    deep = info.color.is_hdr or info.format.depth > 10
    return "libx265" if deep and takes_size("libx265", info.width, info.height) else "libx264"


def _grid_tick(fps: Fraction, offset: Fraction | None) -> Fraction:
    """A tick of which 1/fps is a whole number; 1/fps itself if the first frame, at `offset`, is on that grid."""
    if offset is not None and (offset * fps).denominator == 1 and fps.numerator <= _MAX_TICK:
        return 1 / fps
    return Fraction(1, fine_tick(fps.numerator))


def fine_tick(ticks: int) -> int:
    """The first multiple of `ticks` per second that is fine enough for times off their grid, as far as MP4 holds it."""
    fine = ticks * max(1, math.ceil(_FINE_TICK / ticks))
    return fine if fine <= _MAX_TICK else _FINE_TICK


def _common_tick(info: ClipInfo, multiple: int) -> Fraction:
    """A tick of which every time of the source, every nominal time, and every `multiple`th in between is one."""
    ticks = math.lcm(info.time_base.denominator, info.average_rate.numerator) * multiple
    return Fraction(1, ticks if ticks <= _MAX_TICK else _FINE_TICK)
