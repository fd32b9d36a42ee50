"""Encoder options that make an encoder write the same bytes for the same frames in every run."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path

_CPU = Path("/proc/cpuinfo")
_X264 = ("libx264", "libx264rgb")
_X265_BLOCK = 64


def reproducible_options(encoder: str, width: int) -> dict[str, str]:
    """The options that `encoder` needs for frames of `width` pixels; empty if it needs none.

    If the CPU has AVX-512, the macroblock tree of x264 processes eight macroblocks at a time. At the end of a row it
    also reads memory behind the row, unless the width is a multiple of 128. Its AVX2 code does not do this.

    If a frame is one block wide, x265 4.2 reads memory that it has not written, and writes wrong frames. Its blocks
    are 64 pixels wide by default.
    """
    if encoder in _X264 and _has_avx512():
        return {"x264-params": "asm=avx2"}
    if encoder == "libx265" and width <= _X265_BLOCK:
        return {"x265-params": f"ctu={_X265_BLOCK // 2}"}
    return {}


@cache
def _has_avx512() -> bool:
    """Whether x264 can use AVX-512 on this CPU. It needs several extensions, and AVX512VL is one of them."""
    with suppress(OSError):
        return "avx512vl" in _CPU.read_text().split()
    return False
