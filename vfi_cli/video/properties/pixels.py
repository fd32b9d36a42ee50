"""Reads the pixel format, the colour and the orientation of a stream, and chooses the plane format for its frames."""

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
# WebM stores alpha as a second video beside the first; FFmpeg's own decoders ignore it.
_WEBM_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def nearest_format(stored: VideoFormat) -> PlaneFormat:
    """Return the smallest planar format that holds all of `stored`, except that more than 16 bits become 16 bits."""
    bits = 8 if stored.has_palette else max(component.bits for component in stored.components)
    depth = next((depth for depth in (8, 10, 12) if bits <= depth), 16)
    alpha = any(component.is_alpha for component in stored.components)
    if stored.is_rgb or stored.has_palette or stored.name.startswith("xyz"):
        return PlaneFormat("rgb", (1, 1), depth, alpha)
    if is_gray(stored):
        return PlaneFormat("yuv", (2, 2), depth, alpha) if alpha else PlaneFormat("gray", (1, 1), depth)
    fewer_columns, fewer_rows = stored.chroma_width(4) < 4, stored.chroma_height(4) < 4
    subsampling = (2, 2) if fewer_columns and fewer_rows else (2, 1) if fewer_columns else (1, 1)
    return PlaneFormat("yuv", subsampling, 16 if alpha and (subsampling, depth) == ((2, 2), 12) else depth, alpha)


def is_gray(stored: VideoFormat) -> bool:
    """Whether the format has only luma, or luma and alpha."""
    return not stored.is_rgb and not stored.has_palette and sum(not c.is_alpha for c in stored.components) == 1


def stored_format(stream: VideoStream) -> VideoFormat | None:
    """Return the pixel format that the decoder will return, with the alpha of WebM; None if it is unknown."""
    format = stream.codec_context.format
    if format is not None and format.name == "yuv420p" and has_webm_alpha(stream) and alpha_decoder(stream.codec.name):
        return VideoFormat("yuva420p", format.width, format.height)
    return format


def has_webm_alpha(stream: VideoStream) -> bool:
    """Whether the tags of the stream say that it is WebM with alpha."""
    return any(key.lower() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())


def alpha_decoder(codec: str) -> str | None:
    """Return the decoder that returns WebM alpha for `codec`; None if there is none in this build of FFmpeg."""
    name = _WEBM_ALPHA_DECODERS.get(codec)
    if name is not None:
        try:
            av.Codec(name, "r")
        except UnknownCodecError:
            return None
    return name


def read_color(
    context: VideoCodecContext | av.VideoFrame, stored: VideoFormat, notes: list[str], path: Path
) -> ColorSpec:
    """Return the colour of a stream or frame.

    Args:
        context: the decoder of the stream, or the frame.
        stored: its pixel format.
        notes: a note is added to this list if the matrix is guessed, except for gray.
        path: for the error message.

    Raises:
        InputError: if the colour matrix is not supported.
    """
    tag_code = context.colorspace
    wide_gamut = context.color_primaries == _WIDE_GAMUT
    likely: Matrix = "bt2020" if wide_gamut else "bt709" if context.height >= 720 else "bt601"
    if nearest_format(stored).kind == "rgb":  # the output decides the matrix, so it is not guessed
        return ColorSpec(likely, False, context.color_primaries, context.color_trc)
    full = context.color_range == _FULL_RANGE or stored.name.startswith("yuvj")
    if is_gray(stored) and context.color_range == 0:
        full = True  # FFmpeg also takes untagged gray as full range
    if tag_code in _MATRICES:
        matrix = _MATRICES[tag_code]
        tag = 0 if tag_code == MATRIX_CODES[matrix] else tag_code
        return ColorSpec(matrix, full, context.color_primaries, context.color_trc, tag=tag)
    if tag_code not in (UNSPECIFIED, RGB_MATRIX):
        raise InputError(
            f"colour matrix {tag_code} of ITU-T H.273 is not supported", path=path, remedy="convert to BT.709 first"
        )
    if not is_gray(stored):
        reason = "primaries" if wide_gamut else "frame size"
        notes.append(f"no colour matrix is tagged: {likely} is assumed from the {reason}")
    return ColorSpec(likely, full, context.color_primaries, context.color_trc, guessed=True)


def read_hdr(first: av.VideoFrame | None) -> StaticHdr | None:
    """Return the HDR10 metadata in the side data of the first frame of a clip; None if there is none."""
    side_data = read_side_data(first)
    return StaticHdr.parse(
        find(side_data, SideData.MASTERING_DISPLAY_METADATA), find(side_data, SideData.CONTENT_LIGHT_LEVEL)
    )


def read_turn(frame: av.VideoFrame | None) -> tuple[int, bool]:
    """Return (degrees, mirrored): a player turns a frame counter-clockwise, and then mirrors it left to right."""
    matrix = find(read_side_data(frame), SideData.DISPLAYMATRIX)
    if matrix is None:
        return 0, False
    a, b, _, c, d, *_ = struct.unpack("9i", matrix)  # x' = a x + c y, y' = b x + d y
    mirrored = a * d < b * c
    return round(math.degrees(math.atan2(-b, -a if mirrored else a))), mirrored


def lost_by_format(stream: VideoStream, stored: VideoFormat) -> Iterator[str]:
    """Yield notes about what is lost because `decode` cannot represent the pixel format."""
    bits = max(component.bits for component in stored.components)
    if bits > 16:
        yield f"{bits}-bit samples are reduced to 16 bits in the range 0 to 1"
    if has_webm_alpha(stream) and not any(component.is_alpha for component in stored.components):
        yield "transparency is dropped: its decoder is missing"
