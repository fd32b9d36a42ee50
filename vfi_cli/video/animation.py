"""Frames into an animated GIF or WebP, which loops for ever.

A GIF frame has 256 colours of its own. WebP is compressed as a whole: until it is closed, the file is in memory.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
from av.filter import Graph
from av.video.format import VideoFormat

from vfi_cli.errors import OutputError
from vfi_cli.video.encode import Encoder
from vfi_cli.video.output import EncodePlan
from vfi_cli.video.types import VideoFrame
from vfi_cli.video.wire import to_picture


class GifEncoder(Encoder):
    """An `Encoder` that chooses a palette for every frame."""

    def __init__(self, part: Path, plan: EncodePlan) -> None:
        self._source = "bgra" if plan.format.alpha else "rgb24"
        self._palette = _palette(plan, self._source)
        super().__init__(part, plan)

    def _picture(self, frame: VideoFrame) -> av.VideoFrame:
        picture = to_picture(frame, self._source)
        picture.pts, picture.time_base = self.frames, self.plan.time_base
        self._palette.push(picture)
        reduced = self._palette.pull()
        assert isinstance(reduced, av.VideoFrame)
        return reduced


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
    """An `Encoder` for what FFmpeg writes and does not read."""

    def verify(self) -> None:
        """Count pictures and seconds in the closed file. Raises OutputError if they are not all there."""
        spans = _webp_spans(self._part.read_bytes())
        lasted, expected = sum(spans, Fraction(0)), (self._end - self._start) * self.plan.time_base
        # Pictures that are alike follow each other as one.
        if not 0 < len(spans) <= self.frames or abs(lasted - expected) > self._longest + Fraction(1, 500):
            raise OutputError(
                f"is not what was written: {len(spans)} of {self.frames} pictures, {float(lasted):.3f} of "
                f"{float(expected):.3f} s",
                path=self.plan.target,
            )


def _webp_spans(data: bytes) -> list[Fraction]:
    """Seconds that each picture of an animated WebP file is shown; nothing if the file is damaged.

    https://developers.google.com/speed/webp/docs/riff_container: chunks of a name, a size and as many bytes, padded to
    an even number; ANMF holds 12 bytes of place and size, then the milliseconds.
    """
    spans = []
    at, end = 12, 8 + int.from_bytes(data[4:8], "little")
    if data[:4] != b"RIFF" or end != len(data):
        return []
    while at < end:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"ANMF":
            spans.append(Fraction(int.from_bytes(data[at + 20 : at + 23], "little"), 1000))
        at += 8 + size + size % 2
    return spans
