"""Plans an output before any frame is computed: container, codec, times, and what it keeps of the clip."""

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
from vfi_cli.video.write.reproducible import reproducible_options

_MIN_TIME_SCALE = 90_000  # ticks per second, at least, for times that are not on a grid: errors are at most 6 us
_MAX_TIME_SCALE = 2**31 - 1  # ticks per second: the largest time scale of MP4


@dataclass(frozen=True, slots=True)
class EncodePlan:
    """Everything about an output except its frames; `plan_encode` makes the plan for a clip.

    Args:
        target: the final file.
        output: the format of the final file.
        codec: FFmpeg's name of the encoder.
        options: encoder options, by FFmpeg's names.
        format: pixel format of the frames that will be written.
        rate: frames per second; the mean of a variable frame rate.
        time_base: seconds per tick of the output.
        origin: the frame time, in seconds, that becomes 0 in the output.
        sar: sample aspect ratio.
        rotation: degrees counter-clockwise that a player turns the frames.
        mirrored: a player then swaps left and right.
        siting: position of the chroma samples, by FFmpeg's name; empty if unknown.
        marks: marks of 360 degree video and stereo.
        properties: properties of the video that the file should state, if its container and encoder can.
        tags: tags, flags and chapters.
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
        """The output tick that is nearest to the frame time `time`, in seconds.

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
    keep_audio: bool = True,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    pix_fmt: str | None = None,
    options: Mapping[str, str] | None = None,
) -> EncodePlan:
    """Make the plan of an output that keeps everything in `info` that its format can hold.

    Args:
        info: the clip.
        target: the final file; its suffix chooses the format.
        fps: output frames are 1/fps seconds apart, from the first frame on. None: there is an output frame at the time
            of each source frame, and `multiple` - 1 more between each two of them.
        stretch: times of the source are this many times longer in the output (slow motion).
        start, stop: the used part of the clip, in seconds after its first frame.
        keep_audio: the audio is kept. If it begins before the video, its start becomes 0. Otherwise the first frame
            becomes 0.
        codec: FFmpeg's name of an encoder or of its format. None: H.264, or H.265 for HDR and for more than 10 bits;
            in .webm VP9, or AV1 for more than 8 bits.
        crf: quality on the encoder's own scale, lower is better.
        preset: speed of the encoder, by its own name.
        pix_fmt: pixel format, see `PlaneFormat.named`. None: that of the clip, or the one that keeps most of it.
        options: further options of the encoder; they override all others.

    Raises UsageError for a combination of options that the output cannot have.
    """
    output = output_format(target)
    rate = fps or info.average_rate * multiple / stretch
    format_notes = tuple(output.check(info, codec, rate, steady=fps is not None))
    encoder = find_encoder(output.encoder or codec or _usual_encoder(info, output))
    format, notes = choose_format(encoder, info.width, info.height, info.format, pix_fmt)
    mastering = info.hdr.options(encoder.name) if info.hdr is not None else {}
    properties = expected(info, format)
    origin = (info.start + start if start else info.origin if keep_audio and output.is_video else info.start) * stretch
    if not output.is_video:
        time_base = output.tick or 1 / rate
    elif fps is None:
        time_base = _common_time_base(info, multiple)
    else:
        offset = None if start else info.start * stretch - origin
        time_base = _grid_time_base(fps, offset)
    settings = encoder_options(encoder.name, format, crf, preset)
    tags = plan_tags(info, output, rate=rate, origin=origin, stretch=stretch, start=start, stop=stop)
    return EncodePlan(
        target=target,
        output=output,
        codec=encoder.name,
        options=joined(settings, reproducible_options(encoder.name, info.width), mastering or {}, options or {}),
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
        notes=(*format_notes, *notes, *tags.notes),
    )


def _usual_encoder(info: ClipInfo, output: OutputFormat) -> str:
    """The most common encoder that keeps the bit depth and dynamic range of the clip."""
    if output.royalty_free:  # PyAV's libvpx encodes only 8 bits
        return "libsvtav1" if info.format.depth > 8 and not info.format.alpha else "libvpx-vp9"
    deep = info.color.is_hdr or info.format.depth > 10
    return "libx265" if deep and takes_size("libx265", info.width, info.height) else "libx264"


def _grid_time_base(fps: Fraction, offset: Fraction | None) -> Fraction:
    """A time base that divides 1/fps; 1/fps itself if the first frame, at `offset` seconds, is on this grid."""
    if offset is not None and (offset * fps).denominator == 1 and fps.numerator <= _MAX_TIME_SCALE:
        return 1 / fps
    return Fraction(1, fine_time_scale(fps.numerator))


def fine_time_scale(ticks: int) -> int:
    """The smallest multiple of `ticks` per second that is at least 90,000; 90,000 if that is too large for MP4."""
    fine = ticks * max(1, math.ceil(_MIN_TIME_SCALE / ticks))
    return fine if fine <= _MAX_TIME_SCALE else _MIN_TIME_SCALE


def _common_time_base(info: ClipInfo, multiple: int) -> Fraction:
    """A time base in which source times, nominal frame times, and `multiple` - 1 times between them are whole ticks."""
    ticks = math.lcm(info.time_base.denominator, info.average_rate.numerator) * multiple
    return Fraction(1, ticks if ticks <= _MAX_TIME_SCALE else _MIN_TIME_SCALE)
