"""Writes frames to an animated GIF or WebP that loops forever.

Each GIF frame has its own palette of 256 colours. libwebp compresses a WebP as a whole, so the file is in memory until
it is closed.
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
from vfi_cli.video.image.image_file import decode_image
from vfi_cli.video.read.animated_webp import MAX_SPAN, TICK, WebpAnimation
from vfi_cli.video.types import VideoFrame
from vfi_cli.video.write.encode import Encoder
from vfi_cli.video.write.encode_plan import EncodePlan

MIN_TICKS = 2
"""Shortest delay of a GIF frame, in 1/100 s. Players show a frame with a shorter delay for 1/10 s."""


class GifEncoder(Encoder):
    """An `Encoder` for GIF that chooses a palette for every frame.

    Merges consecutive equal frames into one. If two frames are less than MIN_TICKS apart, writes only the one with the
    longer duration.
    """

    def __init__(self, temp_path: Path, plan: EncodePlan) -> None:
        self._pix_fmt = "bgra" if plan.format.alpha else "rgb24"
        self._palette_filter = _build_palette_filter(plan, self._pix_fmt)
        self._pending: VideoFrame | None = None  # not written yet: its duration may grow
        super().__init__(temp_path, plan)

    def write(self, frame: VideoFrame) -> None:
        pending, tick = self._pending, self.plan.tick
        if pending is None:
            self._pending = frame
            return
        short = tick(frame.pts) - tick(pending.pts) < MIN_TICKS
        if short and self.frames and frame.duration > pending.duration:
            self._pending = frame  # drops `pending`: the frame written last is shown until this one
        elif short or _same_pixels(pending, frame):
            self._pending = replace(pending, duration=frame.pts + frame.duration - pending.pts)
        else:
            super().write(pending)
            self._pending = frame

    def close(self) -> None:
        if self._pending is not None:
            shortest = MIN_TICKS * self.plan.time_base
            super().write(replace(self._pending, duration=max(shortest, self._pending.duration)))
            self._pending = None
        super().close()

    def _to_av_frame(self, frame: VideoFrame) -> av.VideoFrame:
        av_frame = to_av_frame(frame, self._pix_fmt)
        av_frame.pts, av_frame.time_base = self.frames, self.plan.time_base
        self._palette_filter.push(av_frame)
        reduced = self._palette_filter.pull()
        assert isinstance(reduced, av.VideoFrame)
        return reduced


def _same_pixels(one: VideoFrame, other: VideoFrame) -> bool:
    """Whether two frames have the same pixels."""
    pairs = zip(one.planes, other.planes, strict=True)
    return all(left is right or np.array_equal(left, right) for left, right in pairs)


def _build_palette_filter(plan: EncodePlan, source: str) -> Graph:
    """A filter graph that gives each frame, of pixel format `source`, its own palette."""
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
    """An `Encoder` for WebP, which FFmpeg can write but not read. libwebp merges consecutive equal frames into one."""

    def close(self) -> None:
        super().close()
        animation = self._read()
        if animation is None:
            return
        # FFmpeg does not pass the duration of the last frame to libwebp, so libwebp guesses it. Correct it in the file.
        *others, last = animation.frames
        span = round(self._written_seconds * 1000) - sum(frame.span for frame in others)
        with self._temp_path.open("r+b") as file:
            file.seek(last.span_offset)
            file.write(min(max(span, 1), MAX_SPAN).to_bytes(3, "little"))

    def verify(self) -> None:
        """Check the number of frames and the duration of the closed file. Raises OutputError if they are wrong."""
        animation = self._read()
        if animation is None and self._is_still():
            return
        spans = [frame.span for frame in animation.frames] if animation is not None and animation.complete else []
        duration, expected = sum(spans) * TICK, self._written_seconds
        if not 0 < len(spans) <= self.frames or abs(duration - expected) > Fraction(1, 500):
            raise OutputError(
                f"is not what was written: {len(spans)} of {self.frames} frames, {float(duration):.3f} of "
                f"{float(expected):.3f} s",
                path=self.plan.target,
            )

    @property
    def _written_seconds(self) -> Fraction:
        """The duration that was written."""
        return (self._end - self._start) * self.plan.time_base

    def _read(self) -> WebpAnimation | None:
        with self._temp_path.open("rb") as file:
            return WebpAnimation.read(file)

    def _is_still(self) -> bool:
        """Whether the file is a still image of the right size. libwebp writes one if all frames are equal."""
        image = decode_image(self._temp_path.read_bytes(), "webp", self._temp_path)
        return image is not None and (image.width, image.height) == (self.plan.width, self.plan.height)
