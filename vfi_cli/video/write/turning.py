"""Turns frames as players show them, for an output that cannot state a rotation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.properties.preserved import ASPECT, SITING, TURN
from vfi_cli.video.types import Plane, PlaneFormat, VideoFrame


@dataclass(frozen=True, slots=True)
class Turn:
    """Turns every frame by `quarters` of a circle counter-clockwise; then, if `mirrored`, swaps left and right.

    Chroma keeps its subsampling if its cells fit the turned frame. Otherwise the format becomes 4:4:4: each chroma
    sample is repeated for all pixels of its cell.
    """

    quarters: int
    mirrored: bool

    def __str__(self) -> str:
        turned = f"turned by {90 * self.quarters} degrees" if self.quarters else ""
        return " and ".join(filter(None, (turned, "mirrored" if self.mirrored else "")))

    def clip(self, info: ClipInfo) -> ClipInfo:
        """`info` as it is after the frames are turned; players then show them as stored."""
        width, height, sar = info.width, info.height, info.sar
        if self.quarters % 2:
            width, height, sar = height, width, 1 / sar
        format = self._format(info.format, info.width, info.height)
        properties = {name: value for name, value in info.properties.items() if name not in (TURN, SITING)}
        if ASPECT in properties:
            properties[ASPECT] = str(sar)
        return replace(
            info, width=width, height=height, sar=sar, format=format, rotation=0, mirrored=False, properties=properties
        )

    def frames(self, frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
        """Yields the frames, turned."""
        for frame in frames:
            format = self._format(frame.format, frame.width, frame.height)
            planes = frame.planes
            if format.subsampling == (1, 1) != frame.format.subsampling:
                planes = tuple(_upsample_chroma(plane, frame) for plane in planes)
            yield replace(frame, planes=tuple(self.plane(plane) for plane in planes), format=format)

    def plane(self, plane: Plane) -> Plane:
        """A turned copy of a plane, shape (rows, columns)."""
        turned: Plane = np.rot90(plane, self.quarters)
        return (turned[:, ::-1] if self.mirrored else turned).copy()

    def _format(self, format: PlaneFormat, width: int, height: int) -> PlaneFormat:
        """The format of a turned frame; `format`, `width` and `height` are those before the turn."""
        sx, sy = format.subsampling
        # Chroma cells begin at the top left. A turned frame of odd size would begin with half a cell.
        fits = not (width % sx or height % sy) and (self.quarters % 2 == 0 or sx == sy)
        return format if fits else replace(format, subsampling=(1, 1))


def find_turn(info: ClipInfo) -> Turn | None:
    """The turn that players apply to a clip; None if there is none. Angles between the quarters are ignored."""
    quarters = info.rotation // 90 % 4 if info.rotation % 90 == 0 else 0
    return Turn(quarters, info.mirrored) if quarters or info.mirrored else None


def _upsample_chroma(plane: Plane, frame: VideoFrame) -> Plane:
    """The plane with one sample for each pixel of the frame."""
    if plane.shape == (frame.height, frame.width):
        return plane
    sx, sy = frame.format.subsampling
    return plane.repeat(sy, axis=0).repeat(sx, axis=1)[: frame.height, : frame.width]
