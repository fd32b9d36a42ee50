"""Replaces the times in a file by a frame rate that the user gives."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import av

from vfi_cli.video.clip import ClipInfo

_SYNC_TOLERANCE = Fraction(1, 2)  # seconds; a larger difference between video and audio makes a note


def at_rate(info: ClipInfo, rate: Fraction) -> ClipInfo:
    """`info` with frame k at k / `rate` seconds after the first frame, instead of its time in the file.

    The first frame and all other streams keep their times.
    """
    start, step = info.start, 1 / rate
    # The time base is the longest tick that divides both `start` and `step`.
    common = math.gcd(start.numerator * step.denominator, step.numerator * start.denominator)
    duration, notes = info.frame_count / rate, info.notes
    if info.audio and abs(duration - info.duration) > _SYNC_TOLERANCE:
        lasts = f"lasts {float(duration):.2f} s at this rate, not {float(info.duration):.2f} s"
        notes += (f"the video {lasts}, but the audio keeps its length: they may lose sync",)
    return replace(
        info,
        average_rate=rate,
        time_base=Fraction(common, start.denominator * step.denominator),
        duration=duration,
        fields_at=info.fields_at * duration / info.duration if info.fields_at is not None else None,
        declared=False,
        vfr=False,
        grid=None,
        phase=None,
        retimed=True,
        notes=notes,
    )


def retimed(frame: av.VideoFrame, number: int, info: ClipInfo) -> int:
    """The tick of frame `number`, counted from 0, of a clip that `at_rate` made; also sets the duration of `frame`."""
    frame.duration = step = int(1 / info.average_rate / info.time_base)
    return int(info.start / info.time_base) + number * step
