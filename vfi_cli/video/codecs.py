"""What the encoders of FFmpeg call their quality and speed, and which pictures they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import av
from av.codec.codec import UnknownCodecError

from vfi_cli.errors import UsageError
from vfi_cli.video.types import PlaneFormat


@dataclass(frozen=True, slots=True)
class _Encoder:
    """How an encoder calls its quality and its speed."""

    quality: str = ""  # option name; none: it is lossless, or quality goes with the preset
    default: float = 0
    best: float = 0
    worst: float = 0
    preset: str = ""  # option name
    presets: tuple[str, ...] = ()
    default_preset: str = ""
    odd_sizes: bool = False  # takes subsampled pictures of odd size
    least: int = 1  # pixels a side
    options: Mapping[str, str] = field(default_factory=dict)


_X264_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast", "medium"),
    *("slow", "slower", "veryslow", "placebo"),
)
_ENCODERS = {
    # Of x264's presets, slower ones than "faster" gain less than 0.1 dB at CRF 18 and cost up to four times as much.
    "libx264": _Encoder("crf", 18, 0, 51, "preset", _X264_PRESETS, "faster"),
    "libx265": _Encoder(
        *("crf", 20, 0, 51, "preset", _X264_PRESETS, "fast"),
        least=64,  # x265 4.2 writes beyond its buffers for 48x48
        options={"x265-params": "log-level=error"},
    ),
    "libsvtav1": _Encoder("crf", 24, 1, 63, "preset", tuple(map(str, range(14))), "8"),
    "libvpx-vp9": _Encoder(
        *("crf", 24, 0, 63, "cpu-used", tuple(map(str, range(9))), "4"),
        odd_sizes=True,
        options={"b": "0", "row-mt": "1"},
    ),
    "ffv1": _Encoder(odd_sizes=True, options={"level": "3", "slicecrc": "1"}),
    "prores_ks": _Encoder(
        preset="profile", presets=("proxy", "lt", "standard", "hq", "4444", "4444xq"), default_preset="hq"
    ),
}


def find_encoder(name: str) -> av.Codec:
    """The video encoder called `name`, by itself or by what it makes: "h264" is libx264. Else UsageError."""
    try:
        encoder = av.Codec(name, "w")
    except UnknownCodecError as error:
        raise UsageError(f"there is no encoder {name!r}", remedy=f"use one of {', '.join(_ENCODERS)}") from error
    if encoder.type != "video":
        raise UsageError(f"{name!r} is no video encoder", remedy=f"use one of {', '.join(_ENCODERS)}")
    return encoder


def wire_format(encoder: av.Codec, pix_fmt: str) -> str | None:
    """What the encoder is given for frames of `pix_fmt`: ProRes takes no less than 10 bits."""
    taken = {format.name for format in encoder.video_formats or ()}
    return next((name for name in (pix_fmt, f"{pix_fmt}10le") if not taken or name in taken), None)


def choose_format(
    encoder: av.Codec, width: int, height: int, pix_fmt: str | None
) -> tuple[PlaneFormat, tuple[str, ...]]:
    """The format to encode frames of a size in: `pix_fmt`, or the one with the least chroma that fits.

    Also returns notes for the user, one sentence each. Raises UsageError if no format fits, or not `pix_fmt`.
    """
    known = _ENCODERS.get(encoder.name, _Encoder())
    taken = [
        format
        for format in map(PlaneFormat.named, ("yuv420p", "yuv422p", "yuv444p"))
        if wire_format(encoder, format.pix_fmt)
    ]
    fitting = [
        format
        for format in taken
        if known.odd_sizes or not (width % format.subsampling[0] or height % format.subsampling[1])
    ]
    if not fitting or min(width, height) < known.least:
        raise UsageError(f"{encoder.name} does not take pictures of {width}x{height}", remedy="use -c:v libx264")
    if pix_fmt is not None:
        for format in fitting:
            if format.pix_fmt == pix_fmt:
                return format, ()
        raise UsageError(
            f"{encoder.name} does not take {pix_fmt} for {width}x{height}",
            remedy=f"use {' or '.join(format.pix_fmt for format in fitting)}",
        )
    if fitting[0] == taken[0]:
        return fitting[0], ()
    usual, chosen = taken[0].pix_fmt, fitting[0].pix_fmt
    note = f"{width}x{height} is no size for {usual}: {chosen} is written, which some players do not show"
    return fitting[0], (note,)


def encoder_options(name: str, crf: float | None, preset: str | None) -> dict[str, str]:
    """Quality and speed in the words of encoder `name`, with its defaults for what is None. Else UsageError."""
    encoder = _ENCODERS.get(name, _Encoder())
    options = dict(encoder.options)
    if encoder.quality:
        quality = encoder.default if crf is None else crf
        if not encoder.best <= quality <= encoder.worst:
            raise UsageError(f"--crf {crf:g}: {name} takes {encoder.best:g} (best) to {encoder.worst:g}")
        options[encoder.quality] = f"{quality:g}"
    elif crf is not None:
        raise UsageError(f"{name} has no crf", remedy="its own options go with -e key=value")
    if encoder.preset:
        preset = preset or encoder.default_preset
        if preset not in encoder.presets:
            raise UsageError(f"--preset {preset}: {name} takes {', '.join(encoder.presets)}")
        options[encoder.preset] = preset
    elif preset is not None:
        raise UsageError(f"{name} has no preset", remedy="its own options go with -e key=value")
    return options
