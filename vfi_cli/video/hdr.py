"""The static metadata of HDR10: what the mastering display could show, and how bright the video gets.

FFmpeg hands it out beside the first frame and does not take it back that way: encoders are told in words of their own.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

Point = tuple[Fraction, Fraction]
"""CIE 1931 x, y."""

_MASTERING = "<22i"  # AVMasteringDisplayMetadata: 10 rationals, then whether colours and luminance are known
_LIGHT = "<2I"  # AVContentLightMetadata


@dataclass(frozen=True, slots=True)
class Mastering:
    """The mastering display, SMPTE ST 2086; `darkest` and `brightest` in cd/m2."""

    red: Point
    green: Point
    blue: Point
    white: Point
    darkest: Fraction
    brightest: Fraction

    def spelled(self, point_unit: Fraction, light_unit: Fraction) -> str:
        """As encoders want it, "G(x,y)B(x,y)R(x,y)WP(x,y)L(brightest,darkest)", counted in these units."""
        named = {"G": self.green, "B": self.blue, "R": self.red, "WP": self.white}
        points = "".join(f"{name}({_count(x, point_unit)},{_count(y, point_unit)})" for name, (x, y) in named.items())
        return f"{points}L({_count(self.brightest, light_unit)},{_count(self.darkest, light_unit)})"


@dataclass(frozen=True, slots=True)
class StaticHdr:
    """`light`: MaxCLL and MaxFALL in cd/m2, CTA-861.3."""

    mastering: Mastering | None = None
    light: tuple[int, int] | None = None

    @classmethod
    def parse(cls, mastering: bytes | None, light: bytes | None) -> StaticHdr | None:
        """From the side data of a frame; None if neither says anything complete."""
        display = _mastering(mastering) if mastering else None
        levels = struct.unpack_from(_LIGHT, light) if light else (0, 0)
        if display is None and not any(levels):
            return None
        return cls(display, (levels[0], levels[1]) if any(levels) else None)

    def options(self, encoder: str) -> dict[str, str] | None:
        """What makes `encoder` write it; None if nothing does."""
        if encoder not in _WORDS:
            return None
        option, switch, display, light, unit = _WORDS[encoder]
        words = [switch] if switch else []
        if self.mastering is not None:
            words.append(f"{display}={self.mastering.spelled(*unit)}")
        if self.light is not None:
            words.append(f"{light}={self.light[0]},{self.light[1]}")
        return {option: ":".join(words)}


_CODED = (Fraction(1, 50_000), Fraction(1, 10_000))  # as the bitstream counts, ITU-T H.265, D.3.28
_PLAIN = (Fraction(0), Fraction(0))
_WORDS = {  # encoder: option, switch, name of the display, name of the light, units
    "libx264": ("x264-params", "", "mastering-display", "cll", _CODED),
    "libx265": ("x265-params", "hdr10=1", "master-display", "max-cll", _CODED),
    "libsvtav1": ("svtav1-params", "", "mastering-display", "content-light", _PLAIN),
}


def joined(*options: Mapping[str, str]) -> dict[str, str]:
    """Later ones win, but the lists of "key=value:key=value" that encoders have are added to."""
    result: dict[str, str] = {}
    for key, value in (item for given in options for item in given.items()):
        result[key] = f"{result[key]}:{value}" if key.endswith("-params") and key in result else value
    return result


def _count(value: Fraction, unit: Fraction) -> str:
    return str(round(value / unit)) if unit else f"{float(value):.6g}"


def _mastering(data: bytes) -> Mastering | None:
    numbers = struct.unpack_from(_MASTERING, data)
    if not (numbers[20] and numbers[21] and all(numbers[1:20:2])):
        return None
    values = [Fraction(*numbers[index : index + 2]) for index in range(0, 20, 2)]
    red, green, blue, white = ((values[index], values[index + 1]) for index in range(0, 8, 2))
    return Mastering(red, green, blue, white, darkest=values[8], brightest=values[9])
