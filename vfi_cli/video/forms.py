"""Outputs that are no video files: a folder of pictures, an animation, a pipe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vfi_cli.errors import UsageError
from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.properties import ASPECT, MATRIX, PRIMARIES, SITING, TRANSFER, TURN, lost
from vfi_cli.video.types import HDR_TRANSFERS, ColorSpec

PIPE = Path("-")
"""Standard input, or standard output."""

FOLDER_NAMES = "%06d.png"
"""What the pictures in a folder are called if nobody says."""

_NUMBERED = re.compile(r"(?:[^%]|%%)*%(?:0\d+)?d(?:[^%]|%%)*")


@dataclass(frozen=True, slots=True)
class Form:
    """How something other than a video file is written.

    Args:
        container, codec: of FFmpeg.
        what: for people.
        tick: seconds; None: frames are counted, not timed.
        max_rate: frames per second that players show.
        max_side: pixels.
        jfif: colours are those of a JPEG file, whatever those of the source.
        holds: properties of the picture that the file states.
    """

    container: str
    codec: str
    what: str
    tick: Fraction | None = None
    max_rate: int | None = None
    max_side: int = 2**16 - 1
    jfif: bool = False
    holds: frozenset[str] = frozenset()

    def color(self, source: ColorSpec) -> ColorSpec:
        """Of the frames to write."""
        return ColorSpec("bt601", True, source.primaries, source.transfer) if self.jfif else source

    def check(self, info: ClipInfo, codec: str | None, rate: Fraction, *, steady: bool) -> Iterator[str]:
        """Notes for the user. Raises UsageError for what cannot be written.

        codec: asked for. rate: of the output, in frames per second; it is constant if `steady`.
        """
        if codec not in (None, self.codec):
            raise UsageError(f"{self.what} cannot be written by {codec}", remedy="leave -c:v out")
        if self.max_rate is not None and rate > self.max_rate:
            raise UsageError(
                f"{self.what} has at most {self.max_rate} frames per second, not {float(rate):g}",
                remedy=f"--fps {self.max_rate}",
            )
        if max(info.width, info.height) > self.max_side:
            raise UsageError(f"{self.what} has at most {self.max_side} pixels a side, not {info.width}x{info.height}")
        uneven = bool(info.vfr) and not steady
        if uneven and self.tick is None:
            raise UsageError(
                f"the spacing of the frames varies, which {self.what} does not hold",
                remedy=f"name a rate, e.g. --fps {round(rate) or 1}",
            )
        step = info.time_base * info.average_rate / rate if uneven else 1 / rate
        if self.tick is not None and (step / self.tick).denominator != 1:
            yield f"times are rounded to {self.tick} s, as {self.what} has them"
        if info.color.is_hdr and TRANSFER not in self.holds:
            yield f"{self.what} cannot be marked as HDR, so it will look pale: convert to SDR first"
        wanted = {name: value for name, value in info.properties.items() if not _as_usual(name, value)}
        yield from lost(wanted, {name: wanted[name] for name in self.holds & wanted.keys()})
        if info.rotation:
            yield f"{self.what} cannot be marked as turned by {info.rotation} degrees, and its pictures are not turned"


def _as_usual(name: str, value: str) -> bool:
    """Whether the loss of a property needs no note: colours are near sRGB, and turning has its own note."""
    if name in (PRIMARIES, TRANSFER):
        return int(value) in _USUAL_COLORS or (name == TRANSFER and int(value) in HDR_TRANSFERS)
    return name in (MATRIX, TURN, SITING)


# Codes of ITU-T H.273 that look much alike: BT.709, BT.470, BT.601, sRGB and BT.2020.
_USUAL_COLORS = (1, 5, 6, 13, 14, 15)
_SHAPE = frozenset({ASPECT})
_PICTURES = {
    ".png": Form("image2", "png", "a folder of PNG pictures", holds=_SHAPE | {PRIMARIES, TRANSFER}),
    ".jpg": Form("image2", "mjpeg", "a folder of JPEG pictures", jfif=True, holds=_SHAPE),
    ".jpeg": Form("image2", "mjpeg", "a folder of JPEG pictures", jfif=True, holds=_SHAPE),
    ".tif": Form("image2", "tiff", "a folder of TIFF pictures", holds=_SHAPE),
    ".tiff": Form("image2", "tiff", "a folder of TIFF pictures", holds=_SHAPE),
    ".exr": Form("image2", "exr", "a folder of EXR pictures", holds=_SHAPE),
}
_ANIMATIONS = {
    # Players show what is faster, or shorter than 2/100 s, at 10 frames per second.
    ".gif": Form("gif", "gif", "a GIF", tick=Fraction(1, 100), max_rate=50, holds=_SHAPE),
    ".webp": Form("webp", "libwebp_anim", "a WebP", tick=Fraction(1, 1000), max_rate=1000, max_side=16_383),
}
_Y4M = Form("yuv4mpegpipe", "rawvideo", "a pipe", holds=_SHAPE | {SITING})


def output_path(text: str) -> Path:
    """The path that a user means: of a folder, which ends with a slash or exists, that of the pictures in it."""
    path = Path(text)
    with suppress(OSError):  # no name for a file: who writes it will say so
        if text.endswith("/") or (path.is_dir() and not path.suffix):
            return path / FOLDER_NAMES
    return path


def find_form(target: Path) -> Form | None:
    """What `target` will be; None: a video file. Raises UsageError for a picture that is not numbered."""
    if target == PIPE:
        return _Y4M
    suffix = target.suffix.lower()
    picture = _PICTURES.get(suffix)
    if picture is not None and not _NUMBERED.fullmatch(target.name):
        raise UsageError(
            "the pictures need a number in their names",
            path=target,
            remedy=f"e.g. -o {target.with_suffix('') / f'%05d{suffix}'}",
        )
    return picture or _ANIMATIONS.get(suffix)
