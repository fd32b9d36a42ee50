"""What the codes of a file mean, and the planes that they are read into."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import av
from av.codec.codec import UnknownCodecError
from av.sidedata.sidedata import Type as SideData
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat
from av.video.stream import VideoStream

from vfi_cli.errors import InputError
from vfi_cli.video.hdr import StaticHdr
from vfi_cli.video.properties.side_data import find, read_side_data
from vfi_cli.video.types import MATRIX_CODES, RGB_MATRIX, UNSPECIFIED, ColorSpec, Matrix, PlaneFormat

_MATRICES: dict[int, Matrix] = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020"}  # ITU-T H.273, table 4
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_WIDE_GAMUT = 9  # the primaries of BT.2020, ITU-T H.273, table 2
# In WebM alpha is a second video beside the first, which FFmpeg's own decoders do not look at.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def nearest_format(stored: VideoFormat) -> PlaneFormat:
    """The planar format that holds what `stored` holds, with as little as that takes; 16 bits stand for more."""
    bits = 8 if stored.has_palette else max(part.bits for part in stored.components)
    depth = next((depth for depth in (8, 10, 12) if bits <= depth), 16)
    alpha = any(part.is_alpha for part in stored.components)
    if stored.is_rgb or stored.has_palette or stored.name.startswith("xyz"):
        return PlaneFormat("rgb", (1, 1), depth, alpha)
    if is_gray(stored):
        return PlaneFormat("yuv", (2, 2), depth, alpha) if alpha else PlaneFormat("gray", (1, 1), depth)
    narrow, low = stored.chroma_width(4) < 4, stored.chroma_height(4) < 4
    cell = (2, 2) if narrow and low else (2, 1) if narrow else (1, 1)
    return PlaneFormat("yuv", cell, 16 if alpha and (cell, depth) == ((2, 2), 12) else depth, alpha)


def is_gray(stored: VideoFormat) -> bool:
    """Luma alone, or luma and alpha."""
    return not stored.is_rgb and not stored.has_palette and sum(not c.is_alpha for c in stored.components) == 1


def stored_format(stream: VideoStream) -> VideoFormat | None:
    """What `decode` will be given, alpha that is hidden in WebM included; None if nobody can tell."""
    format = stream.codec_context.format
    if format is not None and format.name == "yuv420p" and hides_alpha(stream) and alpha_decoder(stream.codec.name):
        return VideoFormat("yuva420p", format.width, format.height)
    return format


def hides_alpha(stream: VideoStream) -> bool:
    """WebM says that there is alpha beside the video."""
    return any(key.lower() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())


def alpha_decoder(codec: str) -> str | None:
    """The decoder that sees the alpha of WebM in such video, if it is to be had."""
    name = _ALPHA_DECODERS.get(codec)
    if name is not None:
        try:
            av.Codec(name, "r")
        except UnknownCodecError:
            return None
    return name


def read_color(
    context: VideoCodecContext | av.VideoFrame, stored: VideoFormat, notes: list[str], path: Path
) -> ColorSpec:
    """The colours of a stream or picture; what had to be assumed is added to `notes`. Raises InputError."""
    tagged = context.colorspace
    wide = context.color_primaries == _WIDE_GAMUT
    usual: Matrix = "bt2020" if wide else "bt709" if context.height >= 720 else "bt601"
    if nearest_format(stored).kind == "rgb":  # we choose what RGB becomes, so there is nothing to guess
        return ColorSpec(usual, False, context.color_primaries, context.color_trc)
    full = context.color_range == _FULL_RANGE or stored.name.startswith("yuvj")
    if is_gray(stored) and context.color_range == 0:
        full = True  # as everywhere in FFmpeg
    if tagged in _MATRICES:
        matrix = _MATRICES[tagged]
        tag = 0 if tagged == MATRIX_CODES[matrix] else tagged
        return ColorSpec(matrix, full, context.color_primaries, context.color_trc, tag=tag)
    if tagged not in (UNSPECIFIED, RGB_MATRIX):
        raise InputError(
            f"colour matrix {tagged} of ITU-T H.273 is not supported", path=path, remedy="convert to BT.709 first"
        )
    if not is_gray(stored):
        reason = "primaries" if wide else "picture size"
        notes.append(f"no colour matrix is tagged: {usual} is assumed from the {reason}")
    return ColorSpec(usual, full, context.color_primaries, context.color_trc, guessed=True)


def read_hdr(first: av.VideoFrame | None) -> StaticHdr | None:
    """The HDR10 metadata beside the first frame of a clip."""
    beside = read_side_data(first)
    return StaticHdr.parse(
        find(beside, SideData.MASTERING_DISPLAY_METADATA), find(beside, SideData.CONTENT_LIGHT_LEVEL)
    )


def read_turn(frame: av.VideoFrame | None) -> tuple[int, bool]:
    """How a player shows a frame: turned by so many degrees counter-clockwise, then mirrored left to right or not."""
    matrix = find(read_side_data(frame), SideData.DISPLAYMATRIX)
    if matrix is None:
        return 0, False
    a, b, _, c, d, *_ = struct.unpack("9i", matrix)  # x' = a x + c y, y' = b x + d y
    mirrored = a * d < b * c
    return round(math.degrees(math.atan2(-b, -a if mirrored else a))), mirrored


def lost_by_format(stream: VideoStream, stored: VideoFormat) -> Iterator[str]:
    """What of the picture is lost before anything is computed."""
    bits = max(part.bits for part in stored.components)
    if bits > 16:
        yield f"{bits}-bit samples are reduced to 16 bits, 0 to 1"
    if hides_alpha(stream) and not any(part.is_alpha for part in stored.components):
        yield "transparency is dropped: its decoder is missing"
