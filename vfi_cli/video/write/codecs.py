"""Encoders of FFmpeg: their options for quality and speed, and the pixel formats and sizes that they take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import av
from av.codec.codec import UnknownCodecError

from vfi_cli.errors import UsageError
from vfi_cli.video.types import Kind, PlaneFormat, every_format


@dataclass(frozen=True, slots=True)
class _Encoder:
    """Option names, ranges and defaults of an encoder, and which of its pixel formats are worth using."""

    quality: str = ""  # option name; empty: the encoder is lossless, or its preset sets the quality
    default: float = 0
    best: float = 0
    worst: float = 0
    preset: str = ""  # option name
    presets: tuple[str, ...] = ()
    default_preset: str = ""
    odd_sizes: bool = False  # takes odd sizes with subsampled chroma
    min_side: int = 1  # smallest width and height, in pixels
    kinds: tuple[Kind, ...] = ("yuv", "gray", "rgb")
    alpha: tuple[str, ...] | None = None  # its formats with alpha; None: all that FFmpeg lists
    shown: tuple[str, ...] = ()  # formats that every player can show; empty: players can show none, or all
    options: Mapping[str, str] = field(default_factory=dict)


_X264_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast", "medium"),
    *("slow", "slower", "veryslow", "placebo"),
)
_ENCODERS = {
    # x264: presets slower than "faster" gain less than 0.1 dB at CRF 18 and take up to four times as long.
    "libx264": _Encoder(
        *("crf", 18, 0, 51, "preset", _X264_PRESETS, "faster"),
        kinds=("yuv",),  # FFmpeg decodes its grey as 4:2:0, and 10-bit grey without its colour range
        shown=("yuv420p",),
    ),
    "libx265": _Encoder(
        *("crf", 20, 0, 51, "preset", _X264_PRESETS, "fast"),
        min_side=64,  # x265 4.2 writes beyond its buffers for 48x48
        options={"x265-params": "log-level=error"},
        kinds=("yuv", "gray"),
        alpha=(),  # PyAV's x265 is built without alpha
        shown=("yuv420p", "yuv420p10le"),
    ),
    "libsvtav1": _Encoder("crf", 24, 1, 63, "preset", tuple(map(str, range(14))), "8", kinds=("yuv",)),
    "libvpx-vp9": _Encoder(
        *("crf", 24, 0, 63, "cpu-used", tuple(map(str, range(9))), "4"),
        odd_sizes=True,
        options={"b": "0", "row-mt": "1"},
        kinds=("yuv",),
        alpha=("yuva420p",),
        shown=("yuv420p", "yuva420p"),
    ),
    "ffv1": _Encoder(odd_sizes=True, options={"level": "3", "slicecrc": "1"}),
    "prores_ks": _Encoder(
        preset="profile",
        presets=("proxy", "lt", "standard", "hq", "4444", "4444xq"),
        default_preset="hq",
        kinds=("yuv",),
    ),
    "png": _Encoder(kinds=("gray", "rgb"), options={"pred": "mixed"}),
    "tiff": _Encoder(kinds=("gray", "rgb"), options={"compression_algo": "lzw"}),
    "exr": _Encoder(kinds=("rgb",), options={"compression": "zip16"}),
    "mjpeg": _Encoder(kinds=("yuv",), odd_sizes=True, options={"qmin": "2", "qmax": "2"}),
    "gif": _Encoder(kinds=("rgb",)),
    "libwebp_anim": _Encoder(kinds=("rgb",), options={"quality": "90"}),
    "rawvideo": _Encoder(odd_sizes=True, kinds=("yuv", "gray"), alpha=()),
}


def find_encoder(name: str) -> av.Codec:
    """The video encoder with this name, or for the format of this name: "h264" is libx264. Raises UsageError."""
    try:
        encoder = av.Codec(name, "w")
    except UnknownCodecError as error:
        raise UsageError(f"there is no encoder {name!r}", remedy=f"use one of {', '.join(_ENCODERS)}") from error
    if encoder.type != "video":
        raise UsageError(f"{name!r} is not a video encoder", remedy=f"use one of {', '.join(_ENCODERS)}")
    return encoder


# Formats that hold the same sample codes in another order, for encoders that do not take planes. The writers of GIF and
# EXR make palettes and floats themselves.
_REORDERED = {
    "yuv420p": ("nv12",),
    "yuv420p10le": ("p010le",),
    "gray16le": ("gray16be",),
    "gbrp": ("bgr0", "rgb24", "bgr24", "bgra", "pal8"),
    "gbrap": ("bgra", "rgba", "pal8"),
    "gbrp16le": ("rgb48le", "rgb48be", "gbrpf32le"),
    "gbrap16le": ("rgba64le", "rgba64be", "gbrapf32le"),
}


def encoder_pix_fmt(encoder: av.Codec, pix_fmt: str) -> str | None:
    """The format to give the encoder for frames of `pix_fmt`: the same, or one with its codes in another order."""
    taken = {format.name for format in encoder.video_formats or ()}
    return next((name for name in (pix_fmt, *_REORDERED.get(pix_fmt, ())) if not taken or name in taken), None)


def takes_size(name: str, width: int, height: int) -> bool:
    """Whether the encoder `name` takes frames as small as this."""
    return min(width, height) >= _ENCODERS.get(name, _Encoder()).min_side


def choose_format(
    encoder: av.Codec, width: int, height: int, source: PlaneFormat, pix_fmt: str | None = None
) -> tuple[PlaneFormat, tuple[str, ...]]:
    """The pixel format to encode: `pix_fmt`, or the format that keeps most of `source` and adds least.

    Args:
        encoder: the encoder.
        width, height: size of the frames, in pixels.
        source: format of the clip.
        pix_fmt: format that the user asks for.

    Returns:
        The format, and notes for the user, one sentence each.

    Raises UsageError if the encoder takes no format of this size, or not `pix_fmt`.
    """
    traits = _ENCODERS.get(encoder.name, _Encoder())
    taken = [format for format in every_format() if _takes_format(encoder, traits, format)]
    fitting = [
        format
        for format in taken
        if traits.odd_sizes or not (width % format.subsampling[0] or height % format.subsampling[1])
    ]
    if not fitting or not takes_size(encoder.name, width, height):
        raise UsageError(f"{encoder.name} does not take frames of {width}x{height}", remedy="use -c:v libx264")
    if pix_fmt is not None:
        wanted = _parse_format(pix_fmt)
        if wanted not in fitting:
            raise UsageError(
                f"{encoder.name} does not take {pix_fmt} for {width}x{height}",
                remedy=f"use {' or '.join(format.pix_fmt for format in fitting)}",
            )
        return wanted, tuple(_alpha_note(encoder, source, wanted))
    nearest = min(taken, key=lambda format: _distance(source, format))
    chosen = min(fitting, key=lambda format: _distance(source, format))
    notes = [*_alpha_note(encoder, source, chosen), *_loss_notes(encoder, source, chosen)]
    rarely_shown = bool(traits.shown) and chosen.pix_fmt not in traits.shown
    if chosen != nearest:
        rest = ", which some players do not show" if rarely_shown else ""
        notes.append(f"{nearest.pix_fmt} cannot hold {width}x{height}, so {chosen.pix_fmt} is written{rest}")
    elif rarely_shown:
        same = chosen.kind == source.kind
        what = f"{chosen.pix_fmt} is kept" if same else f"{source.pix_fmt} becomes {chosen.pix_fmt}"
        notes.append(f"{what}, which some players do not show; use --pix-fmt yuv420p for all players")
    return chosen, tuple(notes)


def _parse_format(pix_fmt: str) -> PlaneFormat:
    try:
        return PlaneFormat.named(pix_fmt)
    except ValueError as error:
        raise UsageError(f"--pix-fmt: {error}") from error


def _takes_format(encoder: av.Codec, traits: _Encoder, format: PlaneFormat) -> bool:
    if format.kind not in traits.kinds or encoder_pix_fmt(encoder, format.pix_fmt) is None:
        return False
    return not format.alpha or traits.alpha is None or format.pix_fmt in traits.alpha


def _chroma_samples(format: PlaneFormat) -> int:
    """Chroma samples per four pixels: 0 for gray, 1 for 4:2:0, 4 for 4:4:4 and RGB."""
    return 0 if format.kind == "gray" else 4 // (format.subsampling[0] * format.subsampling[1])


def _distance(source: PlaneFormat, format: PlaneFormat) -> tuple[int, ...]:
    """A sort key: how much of `source` is lost in `format`, then how much `format` adds."""
    return (
        source.alpha > format.alpha,
        max(0, _chroma_samples(source) - _chroma_samples(format)),
        max(0, source.depth - format.depth),
        format.alpha > source.alpha,
        max(0, _chroma_samples(format) - _chroma_samples(source)),
        max(0, format.depth - source.depth),
        format.kind != source.kind,
    )


def _alpha_note(encoder: av.Codec, source: PlaneFormat, chosen: PlaneFormat) -> Iterator[str]:
    if source.alpha and not chosen.alpha:
        yield f"transparency is dropped: {encoder.name} does not keep it, -c:v prores_ks -o OUT.mov does"


def _loss_notes(encoder: av.Codec, source: PlaneFormat, chosen: PlaneFormat) -> Iterator[str]:
    if chosen.depth < source.depth:
        yield f"{source.depth}-bit video is reduced to {chosen.depth} bits, the most that {encoder.name} takes"
    if _chroma_samples(chosen) < _chroma_samples(source):
        yield f"the chroma is reduced to that of {chosen.pix_fmt}, the most that {encoder.name} takes"


def encoder_options(name: str, format: PlaneFormat, crf: float | None, preset: str | None) -> dict[str, str]:
    """The options of encoder `name` for quality and speed; None: its default. Raises UsageError for a wrong value."""
    encoder = _ENCODERS.get(name, _Encoder())
    options = dict(encoder.options)
    if name == "libvpx-vp9" and format.alpha:
        options["auto-alt-ref"] = "0"  # it refuses alpha otherwise
    if name == "prores_ks":
        full = format.chroma == "444"
        if preset in encoder.presets and preset.startswith("4444") != full:
            fix = "--pix-fmt yuv422p10" if full else "--pix-fmt yuv444p10"
            raise UsageError(f"--preset {preset} is not for {format.pix_fmt}", remedy=fix)
        preset = preset or ("4444" if full else None)
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
