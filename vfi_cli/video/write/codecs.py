"""What the encoders of FFmpeg call their quality and speed, and which pictures they take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import av
from av.codec.codec import UnknownCodecError

from vfi_cli.errors import UsageError
from vfi_cli.video.types import Kind, PlaneFormat, every_format


@dataclass(frozen=True, slots=True)
class _Encoder:
    """How an encoder calls its quality and its speed, and what of the formats it names is worth using."""

    quality: str = ""  # option name; none: it is lossless, or quality goes with the preset
    default: float = 0
    best: float = 0
    worst: float = 0
    preset: str = ""  # option name
    presets: tuple[str, ...] = ()
    default_preset: str = ""
    odd_sizes: bool = False  # takes subsampled pictures of odd size
    least: int = 1  # pixels a side
    kinds: tuple[Kind, ...] = ("yuv", "gray", "rgb")
    alpha: tuple[str, ...] | None = None  # its formats with alpha; None: all that FFmpeg says it takes
    shown: tuple[str, ...] = ()  # the formats that every player shows; none: no player shows any, or all
    options: Mapping[str, str] = field(default_factory=dict)


_X264_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast", "medium"),
    *("slow", "slower", "veryslow", "placebo"),
)
_ENCODERS = {
    # Of x264's presets, slower ones than "faster" gain less than 0.1 dB at CRF 18 and cost up to four times as much.
    "libx264": _Encoder(
        *("crf", 18, 0, 51, "preset", _X264_PRESETS, "faster"),
        kinds=("yuv",),  # FFmpeg reads its grey as 4:2:0, and 10-bit grey without its range
        shown=("yuv420p",),
    ),
    "libx265": _Encoder(
        *("crf", 20, 0, 51, "preset", _X264_PRESETS, "fast"),
        least=64,  # x265 4.2 writes beyond its buffers for 48x48
        options={"x265-params": "log-level=error"},
        kinds=("yuv", "gray"),
        alpha=(),  # PyAV's x265 is built without
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
    """The video encoder called `name`, by itself or by what it makes: "h264" is libx264. Else UsageError."""
    try:
        encoder = av.Codec(name, "w")
    except UnknownCodecError as error:
        raise UsageError(f"there is no encoder {name!r}", remedy=f"use one of {', '.join(_ENCODERS)}") from error
    if encoder.type != "video":
        raise UsageError(f"{name!r} is no video encoder", remedy=f"use one of {', '.join(_ENCODERS)}")
    return encoder


# Other orders of the same codes, for encoders that do not take them in planes; palettes and floats are made by who
# writes GIF and EXR.
_REORDERED = {
    "yuv420p": ("nv12",),
    "yuv420p10le": ("p010le",),
    "gray16le": ("gray16be",),
    "gbrp": ("bgr0", "rgb24", "bgr24", "bgra", "pal8"),
    "gbrap": ("bgra", "rgba", "pal8"),
    "gbrp16le": ("rgb48le", "rgb48be", "gbrpf32le"),
    "gbrap16le": ("rgba64le", "rgba64be", "gbrapf32le"),
}


def wire_format(encoder: av.Codec, pix_fmt: str) -> str | None:
    """What the encoder is given for frames of `pix_fmt`: the same codes, if need be in another order."""
    taken = {format.name for format in encoder.video_formats or ()}
    return next((name for name in (pix_fmt, *_REORDERED.get(pix_fmt, ())) if not taken or name in taken), None)


def takes_size(name: str, width: int, height: int) -> bool:
    """Whether the encoder called `name` takes pictures as small as that."""
    return min(width, height) >= _ENCODERS.get(name, _Encoder()).least


def choose_format(
    encoder: av.Codec, width: int, height: int, source: PlaneFormat, pix_fmt: str | None = None
) -> tuple[PlaneFormat, tuple[str, ...]]:
    """The format to encode frames of a size in: `pix_fmt`, or the one that keeps most of `source` and adds least.

    Also returns notes for the user, one sentence each. Raises UsageError if no format fits, or not `pix_fmt`.
    """
    known = _ENCODERS.get(encoder.name, _Encoder())
    taken = [format for format in every_format() if _takes(encoder, known, format)]
    fitting = [
        format
        for format in taken
        if known.odd_sizes or not (width % format.subsampling[0] or height % format.subsampling[1])
    ]
    if not fitting or not takes_size(encoder.name, width, height):
        raise UsageError(f"{encoder.name} does not take pictures of {width}x{height}", remedy="use -c:v libx264")
    if pix_fmt is not None:
        wanted = _named(pix_fmt)
        if wanted not in fitting:
            raise UsageError(
                f"{encoder.name} does not take {pix_fmt} for {width}x{height}",
                remedy=f"use {' or '.join(format.pix_fmt for format in fitting)}",
            )
        return wanted, tuple(_no_alpha(encoder, source, wanted))
    nearest = min(taken, key=lambda format: _distance(source, format))
    chosen = min(fitting, key=lambda format: _distance(source, format))
    notes = [*_no_alpha(encoder, source, chosen), *_losses(encoder, source, chosen)]
    hidden = bool(known.shown) and chosen.pix_fmt not in known.shown
    if chosen != nearest:
        rest = ", which some players do not show" if hidden else ""
        notes.append(f"{width}x{height} is no size for {nearest.pix_fmt}: {chosen.pix_fmt} is written{rest}")
    elif hidden:
        same = chosen.kind == source.kind
        what = f"{chosen.pix_fmt} is kept" if same else f"{source.pix_fmt} becomes {chosen.pix_fmt}"
        notes.append(f"{what}, which some players do not show: --pix-fmt yuv420p is for all")
    return chosen, tuple(notes)


def _named(pix_fmt: str) -> PlaneFormat:
    try:
        return PlaneFormat.named(pix_fmt)
    except ValueError as error:
        raise UsageError(f"--pix-fmt: {error}") from error


def _takes(encoder: av.Codec, known: _Encoder, format: PlaneFormat) -> bool:
    if format.kind not in known.kinds or wire_format(encoder, format.pix_fmt) is None:
        return False
    return not format.alpha or known.alpha is None or format.pix_fmt in known.alpha


def _detail(format: PlaneFormat) -> int:
    """Samples of chroma: RGB has as many as 4:4:4."""
    return 0 if format.kind == "gray" else 4 // (format.subsampling[0] * format.subsampling[1])


def _distance(source: PlaneFormat, format: PlaneFormat) -> tuple[int, ...]:
    """How far `format` is from holding `source`: first what is lost, then what is too much."""
    return (
        source.alpha > format.alpha,
        max(0, _detail(source) - _detail(format)),
        max(0, source.depth - format.depth),
        format.alpha > source.alpha,
        max(0, _detail(format) - _detail(source)),
        max(0, format.depth - source.depth),
        format.kind != source.kind,
    )


def _no_alpha(encoder: av.Codec, source: PlaneFormat, chosen: PlaneFormat) -> Iterator[str]:
    if source.alpha and not chosen.alpha:
        yield f"transparency is dropped: {encoder.name} does not keep it, -c:v prores_ks -o OUT.mov does"


def _losses(encoder: av.Codec, source: PlaneFormat, chosen: PlaneFormat) -> Iterator[str]:
    if chosen.depth < source.depth:
        yield f"{source.depth}-bit video is reduced to {chosen.depth} bits, the most that {encoder.name} takes"
    if _detail(chosen) < _detail(source):
        yield f"the chroma is reduced to that of {chosen.pix_fmt}, the most that {encoder.name} takes"


def encoder_options(name: str, format: PlaneFormat, crf: float | None, preset: str | None) -> dict[str, str]:
    """Quality and speed in the words of encoder `name`, with its defaults for what is None. Else UsageError."""
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
