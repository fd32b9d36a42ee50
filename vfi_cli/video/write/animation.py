"""Frames into an animated GIF or WebP, which loops for ever.

A GIF frame has 256 colours of its own. WebP is compressed as a whole: until it is closed, the file is in memory.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from av.video.format import VideoFormat

from vfi_cli.errors import OutputError
from vfi_cli.video.av_frame import to_av_frame
from vfi_cli.video.image.image_file import decode_picture
from vfi_cli.video.read.animated_webp import MAX_SPAN, TICK, WebpAnimation
from vfi_cli.video.types import VideoFrame
from vfi_cli.video.write.encode import Encoder
from vfi_cli.video.write.encode_plan import EncodePlan

MIN_TICKS = 2
"""In 1/100 s. Players show a frame with a shorter delay for 1/10 s."""


class GifEncoder(Encoder):
    """An `Encoder` that chooses a palette for every frame.

    Equal frames in sequence become one frame. If two frames are less than MIN_TICKS apart, only the one that is
    shown longer is written.
    """

    def __init__(self, temp_path: Path, plan: EncodePlan) -> None:
        self._source = "bgra" if plan.format.alpha else "rgb24"
        self._palette = _palette(plan, self._source)
        self._held: VideoFrame | None = None  # not written yet: it may last longer
        super().__init__(temp_path, plan)

    def write(self, frame: VideoFrame) -> None:
        held, tick = self._held, self.plan.tick
        if held is None:
            self._held = frame
            return
        short = tick(frame.pts) - tick(held.pts) < MIN_TICKS
        if short and self.frames and frame.duration > held.duration:  # the frame written before lasts until this one
            self._held = frame
        elif short or _alike(held, frame):
            self._held = replace(held, duration=frame.pts + frame.duration - held.pts)
        else:
            super().write(held)
            self._held = frame

    def close(self) -> None:
        if self._held is not None:
            shortest = MIN_TICKS * self.plan.time_base
            super().write(replace(self._held, duration=max(shortest, self._held.duration)))
            self._held = None
        super().close()

    def _picture(self, frame: VideoFrame) -> av.VideoFrame:
        picture = to_av_frame(frame, self._source)
        picture.pts, picture.time_base = self.frames, self.plan.time_base
        self._palette.push(picture)
        reduced = self._palette.pull()
        assert isinstance(reduced, av.VideoFrame)
        return reduced


def _alike(one: VideoFrame, other: VideoFrame) -> bool:
    pairs = zip(one.planes, other.planes, strict=True)
    return all(left is right or np.array_equal(left, right) for left, right in pairs)


def _palette(plan: EncodePlan, source: str) -> Graph:
    graph = Graph()
    entry = graph.add_buffer(width=plan.width, height=plan.height, format=VideoFormat(source), time_base=plan.time_base)
    split, use, end = graph.add("split"), graph.add("paletteuse", "new=1"), graph.add("buffersink")
    palette = graph.add("palettegen", f"stats_mode=single:reserve_transparent={int(plan.format.alpha)}")
    entry.link_to(split)
    split.link_to(palette, 0, 0)
    split.link_to(use, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(end)
    graph.configure()
    return graph


class WebpEncoder(Encoder):
    """An `Encoder` for WebP, which FFmpeg writes but does not read. Equal frames in sequence become one frame."""

    def close(self) -> None:
        super().close()
        animation = self._read()
        if animation is None:
            return
        # FFmpeg does not tell libwebp the duration of the last frame, so libwebp guesses it.
        *others, last = animation.frames
        span = round(self._seconds * 1000) - sum(frame.span for frame in others)
        with self._temp_path.open("r+b") as file:
            file.seek(last.span_offset)
            file.write(min(max(span, 1), MAX_SPAN).to_bytes(3, "little"))

    def verify(self) -> None:
        """Count pictures and seconds in the closed file. Raises OutputError if they are not all there."""
        animation = self._read()
        if animation is None and self._is_still():
            return
        spans = [frame.span for frame in animation.frames] if animation is not None and animation.complete else []
        lasted, expected = sum(spans) * TICK, self._seconds
        if not 0 < len(spans) <= self.frames or abs(lasted - expected) > Fraction(1, 500):
            raise OutputError(
                f"is not what was written: {len(spans)} of {self.frames} pictures, {float(lasted):.3f} of "
                f"{float(expected):.3f} s",
                path=self.plan.target,
            )

    @property
    def _seconds(self) -> Fraction:
        return (self._end - self._start) * self.plan.time_base

    def _read(self) -> WebpAnimation | None:
        with self._temp_path.open("rb") as file:
            return WebpAnimation.read(file)

    def _is_still(self) -> bool:
        """Whether the file is a still picture: libwebp writes one if all frames are equal."""
        picture = decode_picture(self._temp_path.read_bytes(), "webp", self._temp_path)
        return picture is not None and (picture.width, picture.height) == (self.plan.width, self.plan.height)
