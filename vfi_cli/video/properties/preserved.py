"""Properties of a video other than size, times and codec, and notes about the properties that an output loses.

The program reads the properties of the source and of a trial output in the same way. So it needs no list of what each
encoder and container keeps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from fractions import Fraction

import av
from av.video.stream import VideoStream

from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.container.marks import read_siting
from vfi_cli.video.properties.pixels import read_turn
from vfi_cli.video.properties.side_data import read_side_data
from vfi_cli.video.types import RGB_MATRIX, UNSPECIFIED, PlaneFormat

Properties = Mapping[str, str]
"""Values by name, without properties that are not stated or have their default value."""

ASPECT, TURN, SITING = "aspect", "turn", "chroma siting"
MATRIX, PRIMARIES, TRANSFER = "matrix", "primaries", "transfer"

# These describe the encoded stream, not the video: every encoder writes its own.
_CODEC_SPECIFIC = ("PANSCAN", "GOP_TIMECODE", "MOTION_VECTORS", "VIDEO_ENC_PARAMS", "DISPLAYMATRIX")
_ENCODER_NAMES = (b"x264", b"x265")  # they write their settings as user data of the first frame
_COMPARED_BY_CONTENT = ("SPHERICAL", "ICC_PROFILE")  # of other side data only the presence counts: units differ

_DEFAULTS = {SITING: "left"}  # the value that players assume if none is stated

_LOST = {
    ASPECT: "the aspect ratio of the samples, {}, is lost: players will show the video squeezed or stretched",
    TURN: "the mark that the video is turned or mirrored is lost: players will show it as it is stored",
    SITING: "the location of the chroma samples, {}, is lost: players will show colours up to half a sample off",
    MATRIX: "the tag of the colour matrix is lost: players will guess it",
    PRIMARIES: "the tag of the colour primaries is lost: players will take them for those of BT.709",
    TRANSFER: "the tag of the transfer function is lost: players will take it for that of BT.709",
    "SPHERICAL": "the mark of 360 degree video is lost: players will show it flat",
    "STEREO3D": "the mark of stereo 3D video is lost: players will not separate the views",
    "VIEW_ID": "only the first view of the video is kept",
    "A53_CC": "the closed captions in the video stream are lost",
    "DYNAMIC_HDR_PLUS": "the metadata of HDR10+, which changes from frame to frame, is dropped",
    "DOVI_METADATA": "the metadata of Dolby Vision, which changes from frame to frame, is dropped",
    "DOVI_RPU_BUFFER": "the metadata of Dolby Vision, which changes from frame to frame, is dropped",
    "DYNAMIC_HDR_VIVID": "the metadata of HDR Vivid, which changes from frame to frame, is dropped",
    "MASTERING_DISPLAY_METADATA": "the mastering metadata of HDR is dropped",
    "CONTENT_LIGHT_LEVEL": "the light levels of HDR are dropped",
    "AMBIENT_VIEWING_ENVIRONMENT": "the ambient light intended for HDR is lost",
    "ICC_PROFILE": "the ICC colour profile is lost",
    "S12M_TIMECODE": "the timecode of each frame (SMPTE ST 12) is lost",
    "AFD": "the active format description, which marks the important area of the frame, is lost",
    "SEI_UNREGISTERED": "the user data in the video stream (SEI) is lost",
    "FILM_GRAIN_PARAMS": "the parameters of film grain are lost",
    "EXIF": "the EXIF data of the images is lost",
}

_KEPT_BY_X265 = {
    "MASTERING_DISPLAY_METADATA": "; -c:v libx265 keeps it",
    "CONTENT_LIGHT_LEVEL": "; -c:v libx265 keeps them",
}


def read_properties(stream: VideoStream | None, first: av.VideoFrame | None) -> Properties:
    """Return the properties of a stream and of its `first` frame; of a single image if `stream` is None."""
    found: dict[str, str] = {}
    for name, content in read_side_data(first):
        is_encoder_settings = name == "SEI_UNREGISTERED" and any(encoder in content for encoder in _ENCODER_NAMES)
        if name not in _CODEC_SPECIFIC and not is_encoder_settings:
            found[name] = hashlib.sha256(content).hexdigest() if name in _COMPARED_BY_CONTENT else ""
    rotation, mirrored = read_turn(first)
    if rotation or mirrored:
        found[TURN] = f"{rotation % 360}{' mirrored' if mirrored else ''}"
    source = first if stream is None else stream.codec_context
    if source is not None:
        codes = {MATRIX: source.colorspace, PRIMARIES: source.color_primaries, TRANSFER: source.color_trc}
        found |= {name: str(code) for name, code in codes.items() if code not in (RGB_MATRIX, UNSPECIFIED)}
    if stream is not None:
        if stream.sample_aspect_ratio not in (None, 0, 1):
            found[ASPECT] = str(stream.sample_aspect_ratio)
        siting = read_siting(stream)
        if siting:
            found[SITING] = siting
    return found


def expected(info: ClipInfo, format: PlaneFormat) -> Properties:
    """Return the properties that an output of `info` should have, without those that `format` does not need."""
    unneeded = set()
    if format.kind != info.format.kind:
        unneeded.add(MATRIX)
    if (format.subsampling, info.format.subsampling) != ((2, 2), (2, 2)):
        unneeded.add(SITING)
    return {name: value for name, value in info.properties.items() if name not in unneeded}


def lost(wanted: Properties, kept: Properties, *, x265: bool = False) -> Iterator[str]:
    """Return one sentence for each of the `wanted` properties that is not in `kept`, or has another value there.

    x265: whether the container can hold H.265; then the sentence also tells if libx265 keeps the property.
    """
    sentences: dict[str, None] = {}
    for name, value in wanted.items():
        got = kept.get(name, _DEFAULTS.get(name))
        if got is None or not _same(name, value, got):
            sentence = _LOST.get(name, f"a property of the video is lost: {name.lower().replace('_', ' ')}")
            hint = _KEPT_BY_X265.get(name, "") if x265 else ""
            sentences[sentence.format(value.replace("/", ":")) + hint] = None
    return iter(sentences)


def _same(name: str, value: str, kept: str) -> bool:
    if name == ASPECT:  # some containers round the aspect ratio
        return abs(Fraction(kept) / Fraction(value) - 1) < Fraction(1, 50)
    return value == kept
