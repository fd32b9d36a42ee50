"""Output formats: video files, image folders, animations, a pipe. No other module compares names of muxers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from fractions import Fraction
from pathlib import Path

from vfi_cli.errors import UsageError
from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.properties.preserved import ASPECT, MATRIX, PRIMARIES, SITING, TRANSFER, TURN, lost
from vfi_cli.video.types import HDR_TRANSFERS, ColorSpec

PIPE = Path("-")
"""Standard input, or standard output."""

FOLDER_NAMES = "%06d.png"
"""File names of the images in a folder, if the user gives none."""

_NUMBERED = re.compile(r"(?:[^%]|%%)*%(?:0\d+)?d(?:[^%]|%%)*")


class OutputKind(Enum):
    """The kind of an output. It decides which writer and which location are used, see `write.open_output`."""

    VIDEO = auto()
    IMAGES = auto()
    ANIMATION = auto()
    PIPE = auto()


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """The format of an output, and what it can hold.

    Args:
        kind: decides which writer and which location are used.
        muxer: FFmpeg's name of the muxer.
        description: name for messages, with an article.
        encoder: FFmpeg's name of the only encoder; None: any encoder that the muxer accepts.
        tick: unit of the times, in seconds; None: the format stores no times, or any tick is possible.
        max_rate: the most frames per second.
        max_side: the longest side, in pixels.
        jfif: whether frames are converted to the colours of a JPEG file: full range, BT.601.
        holds: properties that the format stores; not used for video files, where a trial output shows which it stores.
        is_mp4: whether it has the structure of ISO/IEC 14496-12: MP4 and QuickTime.
        is_matroska: whether it has the structure of RFC 9559: Matroska and WebM.
        quicktime: whether it stores tags under any name, and languages as QuickTime codes.
        royalty_free: whether it holds only VP8, VP9, AV1, Vorbis and Opus.
        plays_pcm: whether players can play uncompressed audio in it.
        attachments: whether it holds attached files, such as fonts.
        text_codec: FFmpeg's name of the codec of text subtitles.
        cover_codecs: FFmpeg's names of the codecs of cover images.
        stream_flags: the flags of audio and subtitle streams that it stores; None: all.
    """

    kind: OutputKind
    muxer: str
    description: str
    encoder: str | None = None
    tick: Fraction | None = None
    max_rate: int | None = None
    max_side: int = 2**16 - 1
    jfif: bool = False
    holds: frozenset[str] = frozenset()
    is_mp4: bool = False
    is_matroska: bool = False
    quicktime: bool = False
    royalty_free: bool = False
    plays_pcm: bool = True
    attachments: bool = False
    text_codec: str = ""
    cover_codecs: tuple[str, ...] = ()
    stream_flags: tuple[str, ...] | None = None

    @property
    def is_video(self) -> bool:
        """Whether the output is a video file, which holds other streams too and can be resumed."""
        return self.kind is OutputKind.VIDEO

    def color(self, source: ColorSpec) -> ColorSpec:
        """Return the colour of the written frames, given that of the `source`."""
        return ColorSpec("bt601", True, source.primaries, source.transfer) if self.jfif else source

    def check(self, info: ClipInfo, codec: str | None, rate: Fraction, *, steady: bool) -> Iterator[str]:
        """Yield notes for the user about what the format changes or loses.

        Args:
            info: the source.
            codec: the encoder that the user chose, or None.
            rate: frames per second of the output.
            steady: whether the output has a constant frame rate.

        Raises:
            UsageError: if the format cannot hold the output.
        """
        if self.encoder is not None and codec not in (None, self.encoder):
            raise UsageError(f"{self.description} cannot be written by {codec}", remedy="leave -c:v out")
        if self.max_rate is not None and rate > self.max_rate:
            why = " (its times are in milliseconds)" if self.is_matroska else ""
            raise UsageError(
                f"{self.description} has at most {self.max_rate} frames per second{why}, not {float(rate):g}",
                remedy="write an .mp4 file" if self.is_video else f"--fps {self.max_rate}",
            )
        if not self.is_video:
            yield from self._check_images(info, rate, steady=steady)

    def _check_images(self, info: ClipInfo, rate: Fraction, *, steady: bool) -> Iterator[str]:
        if max(info.width, info.height) > self.max_side:
            raise UsageError(
                f"{self.description} has at most {self.max_side} pixels per side, not {info.width}x{info.height}"
            )
        uneven = bool(info.vfr) and not steady
        if uneven and self.tick is None:
            raise UsageError(
                f"{self.description} cannot hold a variable frame rate",
                remedy=f"choose a frame rate, e.g. --fps {round(rate) or 1}",
            )
        step = info.time_base * info.average_rate / rate if uneven else 1 / rate
        if self.tick is not None and (step / self.tick).denominator != 1:
            yield f"times are rounded to {self.tick} s, the unit of time in {self.description}"
        if info.color.is_hdr and TRANSFER not in self.holds:
            yield f"{self.description} cannot be marked as HDR, so it will look pale: convert to SDR first"
        wanted = {name: value for name, value in info.properties.items() if not _as_usual(name, value)}
        yield from lost(wanted, {name: wanted[name] for name in self.holds & wanted.keys()})
        if info.rotation:
            yield (
                f"{self.description} cannot be marked as turned by {info.rotation} degrees, "
                "and its frames are not turned"
            )


def _as_usual(name: str, value: str) -> bool:
    """Whether the loss of a property needs no note: the colours are close to sRGB, or there is another note."""
    if name in (PRIMARIES, TRANSFER):
        return int(value) in _USUAL_COLORS or (name == TRANSFER and int(value) in HDR_TRANSFERS)
    return name in (MATRIX, TURN, SITING)


# Code points of ITU-T H.273 for colours that look much alike: BT.709, BT.470, BT.601, sRGB and BT.2020.
_USUAL_COLORS = (1, 5, 6, 13, 14, 15)
_ASPECT_ONLY = frozenset({ASPECT})


def _image_folder(encoder: str, name: str, holds: frozenset[str] = _ASPECT_ONLY, *, jfif: bool = False) -> OutputFormat:
    return OutputFormat(OutputKind.IMAGES, "image2", f"a folder of {name} pictures", encoder, jfif=jfif, holds=holds)


_PNG = _image_folder("png", "PNG", _ASPECT_ONLY | {PRIMARIES, TRANSFER})
_JPEG = _image_folder("mjpeg", "JPEG", jfif=True)
_TIFF = _image_folder("tiff", "TIFF")
_EXR = _image_folder("exr", "EXR")
# Players show frames that are shorter than 2/100 s at 10 frames per second.
GIF = OutputFormat(OutputKind.ANIMATION, "gif", "a GIF", "gif", Fraction(1, 100), max_rate=50, holds=_ASPECT_ONLY)
WEBP = OutputFormat(
    OutputKind.ANIMATION, "webp", "a WebP", "libwebp_anim", Fraction(1, 1000), max_rate=1000, max_side=16_383
)
_Y4M = OutputFormat(OutputKind.PIPE, "yuv4mpegpipe", "a pipe", "rawvideo", holds=_ASPECT_ONLY | {SITING})
MP4 = OutputFormat(
    OutputKind.VIDEO,
    "mp4",
    "an MP4 file",
    is_mp4=True,
    plays_pcm=False,
    text_codec="mov_text",
    cover_codecs=("mjpeg", "png", "bmp"),
)
MOV = OutputFormat(
    OutputKind.VIDEO,
    "mov",
    "a QuickTime file",
    is_mp4=True,
    quicktime=True,
    text_codec="mov_text",
    stream_flags=("default",),
)
_MAX_MATROSKA_RATE = 1000  # FFmpeg rounds times to ms: at a higher rate, two frames would have the same time
MKV = OutputFormat(
    OutputKind.VIDEO,
    "matroska",
    "a Matroska file",
    max_rate=_MAX_MATROSKA_RATE,
    is_matroska=True,
    attachments=True,
    text_codec="subrip",
    cover_codecs=("mjpeg", "png", "gif", "tiff"),
)
WEBM = OutputFormat(
    OutputKind.VIDEO,
    "webm",
    "a WebM file",
    max_rate=_MAX_MATROSKA_RATE,
    is_matroska=True,
    royalty_free=True,
    text_codec="webvtt",
    stream_flags=("default", "forced"),
)
_IMAGES = {".png": _PNG, ".jpg": _JPEG, ".jpeg": _JPEG, ".tif": _TIFF, ".tiff": _TIFF, ".exr": _EXR}
_ANIMATIONS = {".gif": GIF, ".webp": WEBP}
_VIDEOS = {".mp4": MP4, ".m4v": MP4, ".mov": MOV, ".mkv": MKV, ".webm": WEBM}


def output_path(text: str) -> Path:
    """Return the path of the output that the user calls `text`.

    For a folder it is the path of the images in it. `text` is a folder if it ends with "/", or if it is an existing
    folder without a suffix.
    """
    path = Path(text)
    with suppress(OSError):  # not a valid path: opening it for writing will raise the error
        if text.endswith("/") or (path.is_dir() and not path.suffix):
            return path / FOLDER_NAMES
    return path


def output_format(target: Path) -> OutputFormat:
    """Return the format for the suffix of `target`.

    Raises UsageError if the suffix is unknown, or if the file name of images has no place for a number.
    """
    if target == PIPE:
        return _Y4M
    suffix = target.suffix.lower()
    if suffix in _IMAGES and not _NUMBERED.fullmatch(target.name):
        raise UsageError(
            "the file names of images need a number",
            path=target,
            remedy=f"e.g. -o {target.with_suffix('') / f'%05d{suffix}'}",
        )
    found = (_IMAGES | _ANIMATIONS | _VIDEOS).get(suffix)
    if found is None:
        raise UsageError(
            f"{suffix or 'a name without extension'} is not an output format",
            path=target,
            remedy=f"use one of {', '.join(_VIDEOS)}, or -o FOLDER/ for images",
        )
    return found
