"""The static metadata of HDR10: what the mastering display could show, and how bright the video gets.

FFmpeg returns it as side data of the first frame, but its encoders do not read it from there. Each encoder has its own
options for it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

Point = tuple[Fraction, Fraction]
"""Chromaticity: CIE 1931 x, y."""

_MASTERING = "<22i"  # AVMasteringDisplayMetadata: 10 rationals, then two flags: colours known, luminance known
_LIGHT = "<2I"  # AVContentLightMetadata: MaxCLL, MaxFALL


@dataclass(frozen=True, slots=True)
class Mastering:
    """The mastering display (SMPTE ST 2086): primaries, white point, darkest and brightest luminance in cd/m2."""

    red: Point
    green: Point
    blue: Point
    white: Point
    darkest: Fraction
    brightest: Fraction

    def encoder_value(self, point_unit: Fraction, light_unit: Fraction) -> str:
        """Return the value of an encoder's option: "G(x,y)B(x,y)R(x,y)WP(x,y)L(brightest,darkest)".

        Numbers count multiples of `point_unit` and of `light_unit` cd/m2; a unit of 0 means decimal fractions.
        """
        by_name = {"G": self.green, "B": self.blue, "R": self.red, "WP": self.white}
        points = "".join(f"{name}({_count(x, point_unit)},{_count(y, point_unit)})" for name, (x, y) in by_name.items())
        return f"{points}L({_count(self.brightest, light_unit)},{_count(self.darkest, light_unit)})"


@dataclass(frozen=True, slots=True)
class StaticHdr:
    """The static HDR metadata of a video; a part that the video does not state is None.

    Args:
        mastering: the mastering display.
        light: MaxCLL and MaxFALL (CTA-861.3) in cd/m2.
    """

    mastering: Mastering | None = None
    light: tuple[int, int] | None = None

    @classmethod
    def parse(cls, mastering: bytes | None, light: bytes | None) -> StaticHdr | None:
        """Parse the side data of a frame; None if neither `mastering` nor `light` is complete."""
        display = _mastering(mastering) if mastering else None
        levels = struct.unpack_from(_LIGHT, light) if light else (0, 0)
        if display is None and not any(levels):
            return None
        return cls(display, (levels[0], levels[1]) if any(levels) else None)

    def options(self, encoder: str) -> dict[str, str] | None:
        """Return the options with which `encoder` writes the metadata; None if it cannot."""
        if encoder not in _ENCODER_OPTIONS:
            return None
        option, switch, display, light, unit = _ENCODER_OPTIONS[encoder]
        settings = [switch] if switch else []
        if self.mastering is not None:
            settings.append(f"{display}={self.mastering.encoder_value(*unit)}")
        if self.light is not None:
            settings.append(f"{light}={self.light[0]},{self.light[1]}")
        return {option: ":".join(settings)}


# Units of chromaticity and of cd/m2 in the bitstream: ITU-T H.265, D.3.28.
_BITSTREAM_UNITS = (Fraction(1, 50_000), Fraction(1, 10_000))
_DECIMAL = (Fraction(0), Fraction(0))
_ENCODER_OPTIONS = {  # encoder: option, switch, key of the mastering display, key of the light levels, units
    "libx264": ("x264-params", "", "mastering-display", "cll", _BITSTREAM_UNITS),
    "libx265": ("x265-params", "hdr10=1", "master-display", "max-cll", _BITSTREAM_UNITS),
    "libsvtav1": ("svtav1-params", "", "mastering-display", "content-light", _DECIMAL),
}


def joined(*options: Mapping[str, str]) -> dict[str, str]:
    """Merge encoder options. A later value replaces an earlier one, but lists ("x265-params": "a=1:b=2") are joined."""
    result: dict[str, str] = {}
    for key, value in (item for given in options for item in given.items()):
        result[key] = f"{result[key]}:{value}" if key.endswith("-params") and key in result else value
    return result


def _count(value: Fraction, unit: Fraction) -> str:
    """Return `value` as a number of units; as a decimal fraction if `unit` is 0."""
    return str(round(value / unit)) if unit else f"{float(value):.6g}"


def _mastering(data: bytes) -> Mastering | None:
    """Parse AVMasteringDisplayMetadata; None if a value is missing."""
    numbers = struct.unpack_from(_MASTERING, data)
    if not (numbers[20] and numbers[21] and all(numbers[1:20:2])):
        return None
    values = [Fraction(*numbers[index : index + 2]) for index in range(0, 20, 2)]
    red, green, blue, white = ((values[index], values[index + 1]) for index in range(0, 8, 2))
    return Mastering(red, green, blue, white, darkest=values[8], brightest=values[9])
