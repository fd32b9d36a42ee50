"""Which containers can hold several clocks."""

from __future__ import annotations

from av.container import InputContainer
from av.format import Flags

_UNMARKED = ("flv", "asf", "nut", "rm")
"""Demuxers of further containers that can hold several clocks; FFmpeg marks only the others."""


def may_leap(container: InputContainer) -> bool:
    """Whether a file of this kind can hold several clocks."""
    return Flags.ts_discont in Flags(container.format.flags) or container.format.name in _UNMARKED
