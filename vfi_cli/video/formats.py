"""Output formats: video files, image folders, animations, a pipe. Nothing else compares names of containers."""

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
"""What the pictures in a folder are called if nobody says."""

_NUMBERED = re.compile(r"(?:[^%]|%%)*%(?:0\d+)?d(?:[^%]|%%)*")


class OutputKind(Enum):
    """What an output is: it decides where the output is made and what writes it, see `write.open_output`."""

    VIDEO = auto()
    IMAGES = auto()
    ANIMATION = auto()
    PIPE = auto()


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A kind of output, and what it can hold.

    Args:
        muxer: of FFmpeg.
        description: for people, with an article.
        encoder: of FFmpeg, if there is only one; None: any that the muxer takes.
        tick: seconds; None: frames are counted, not timed, or any tick is possible.
        max_rate: frames per second.
        max_side: pixels.
        jfif: colours are those of a JPEG file, whatever those of the source.
        holds: properties of the picture that an output states, if it is no video; a video file is tried.
        is_mp4: has the structure of ISO/IEC 14496-12: MP4 and QuickTime.
        is_matroska: has the structure of RFC 9559: Matroska and WebM.
        quicktime: holds tags under any name, and languages as QuickTime codes.
        royalty_free: holds only VP8, VP9, AV1, Vorbis and Opus.
        plays_pcm: players find uncompressed audio in it.
        attachments: holds attached files, such as fonts.
        text_codec: of subtitles that are text, by FFmpeg's name.
        cover_codecs: of attached pictures.
        stream_flags: that it holds for audio and subtitles; None: all.
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
        """A video file: it holds other streams too, and an interrupted run can be resumed."""
        return self.kind is OutputKind.VIDEO

    def color(self, source: ColorSpec) -> ColorSpec:
        """Of the frames to write."""
        return ColorSpec("bt601", True, source.primaries, source.transfer) if self.jfif else source

    def check(self, info: ClipInfo, codec: str | None, rate: Fraction, *, steady: bool) -> Iterator[str]:
        """Notes for the user. Raises UsageError for what cannot be written.

        codec: asked for. rate: of the output, in frames per second; it is constant if `steady`.
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
                f"{self.description} has at most {self.max_side} pixels a side, not {info.width}x{info.height}"
            )
        uneven = bool(info.vfr) and not steady
        if uneven and self.tick is None:
            raise UsageError(
                f"the spacing of the frames varies, which {self.description} does not hold",
                remedy=f"name a rate, e.g. --fps {round(rate) or 1}",
            )
        step = info.time_base * info.average_rate / rate if uneven else 1 / rate
        if self.tick is not None and (step / self.tick).denominator != 1:
            yield f"times are rounded to {self.tick} s, as {self.description} has them"
        if info.color.is_hdr and TRANSFER not in self.holds:
            yield f"{self.description} cannot be marked as HDR, so it will look pale: convert to SDR first"
        wanted = {name: value for name, value in info.properties.items() if not _as_usual(name, value)}
        yield from lost(wanted, {name: wanted[name] for name in self.holds & wanted.keys()})
        if info.rotation:
            yield (
                f"{self.description} cannot be marked as turned by {info.rotation} degrees, "
                "and its pictures are not turned"
            )


def _as_usual(name: str, value: str) -> bool:
    """Whether the loss of a property needs no note: colours are near sRGB, and turning has its own note."""
    if name in (PRIMARIES, TRANSFER):
        return int(value) in _USUAL_COLORS or (name == TRANSFER and int(value) in HDR_TRANSFERS)
    return name in (MATRIX, TURN, SITING)


# Codes of ITU-T H.273 that look much alike: BT.709, BT.470, BT.601, sRGB and BT.2020.
_USUAL_COLORS = (1, 5, 6, 13, 14, 15)
_SHAPE = frozenset({ASPECT})


def _image_folder(encoder: str, name: str, holds: frozenset[str] = _SHAPE, *, jfif: bool = False) -> OutputFormat:
    return OutputFormat(OutputKind.IMAGES, "image2", f"a folder of {name} pictures", encoder, jfif=jfif, holds=holds)


_PNG = _image_folder("png", "PNG", _SHAPE | {PRIMARIES, TRANSFER})
_JPEG = _image_folder("mjpeg", "JPEG", jfif=True)
_TIFF = _image_folder("tiff", "TIFF")
_EXR = _image_folder("exr", "EXR")
# Players show what is faster, or shorter than 2/100 s, at 10 frames per second.
GIF = OutputFormat(OutputKind.ANIMATION, "gif", "a GIF", "gif", Fraction(1, 100), max_rate=50, holds=_SHAPE)
WEBP = OutputFormat(
    OutputKind.ANIMATION, "webp", "a WebP", "libwebp_anim", Fraction(1, 1000), max_rate=1000, max_side=16_383
)
_Y4M = OutputFormat(OutputKind.PIPE, "yuv4mpegpipe", "a pipe", "rawvideo", holds=_SHAPE | {SITING})
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
_MAX_MATROSKA_RATE = 1000  # FFmpeg writes whole milliseconds: more frames would share their times
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
    """The path that a user means: of a folder, which ends with a slash or exists, that of the pictures in it."""
    path = Path(text)
    with suppress(OSError):  # no name for a file: who writes it will say so
        if text.endswith("/") or (path.is_dir() and not path.suffix):
            return path / FOLDER_NAMES
    return path


def output_format(target: Path) -> OutputFormat:
    """The format that the name of an output means.

    Raises UsageError for a suffix that is not written, and for images without a number in their names.
    """
    if target == PIPE:
        return _Y4M
    suffix = target.suffix.lower()
    if suffix in _IMAGES and not _NUMBERED.fullmatch(target.name):
        raise UsageError(
            "the pictures need a number in their names",
            path=target,
            remedy=f"e.g. -o {target.with_suffix('') / f'%05d{suffix}'}",
        )
    found = (_IMAGES | _ANIMATIONS | _VIDEOS).get(suffix)
    if found is None:
        raise UsageError(
            f"{suffix or 'a name without extension'} is not a container that is written",
            path=target,
            remedy=f"use one of {', '.join(_VIDEOS)}, or -o FOLDER/ for pictures",
        )
    return found
