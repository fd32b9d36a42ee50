"""Keeps overlays where they are: a HUD, burnt-in subtitles, a logo over footage that moves.

The flow beside an overlay is that of the footage and drags the rim of the overlay along. Equal pixels in both frames
are no proof of one: a ball that flies across a plain wall hides, between two frames, wall that both of them show. So
a pixel that both frames share is kept in two cases only:

    near       the model changed it by no more than _NEAR codes: rounding, or a breath of the flow next to it
    overlay    it has been the same for _PAIRS pairs of frames in a row, and in each of them _CROWD of its surroundings
               moved: no wall stays bare that long. Where _WHOLE of the picture moves, nothing of it is a wall: one
               pair is enough, for spots of 3x3 pixels, since single ones are equal by chance

Nothing here looks at the frame between: over a still background, what stands still for a moment only may be hidden.
What shines through an overlay changes its pixels, so a half-transparent one is out of reach.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vfi_cli.errors import InputError, UsageError
from vfi_cli.video.types import ClipInfo, Plane, VideoFrame

Mask = NDArray[np.bool_]
"""(H, W), True where the picture stays put."""

_NEAR = 1  # codes of 8 bits, as all of them here
_MOVED = 4
_PAIRS = 3
_History = NDArray[np.uint8]  # (H, W), a bit for each of the last pairs, the newest is the lowest
_RADIUS = 12  # pixels that count as surroundings, to each side
_CROWD = 0.2
_WHOLE = 0.3
_QUIET = 0.001  # where less of the picture moves, the frame is shown twice: that says nothing
_ALL = (1 << _PAIRS) - 1
_SPOT = np.ones((3, 3), np.uint8)


class Stills:
    """Watches the source frames go by, and puts back into generated frames what stands still.

    Args:
        forced: stays put whatever the frames show.
    """

    def __init__(self, forced: Mask | None = None) -> None:
        self._forced = forced
        self._equal: _History | None = None
        self._crowded: _History | None = None
        self._overlay: Mask | None = None

    def observe(self, left: VideoFrame, right: VideoFrame) -> None:
        """The next pair of source frames; what is restored from here on lies between them."""
        change = cv2.absdiff(left.planes[0], right.planes[0])
        equal = change == 0
        moved = change > _MOVED << (left.format.depth - 8)
        share = np.count_nonzero(moved) / moved.size
        side = 2 * _RADIUS + 1
        crowd = cv2.blur(moved.view(np.uint8) * 255, (side, side), borderType=cv2.BORDER_REPLICATE)
        crowded: Mask = np.asarray(crowd >= round(255 * _CROWD))
        self._equal = _remember(self._equal, equal)
        if share > _QUIET or self._crowded is None:
            self._crowded = _remember(self._crowded, crowded)
        self._overlay = (self._equal & self._crowded & _ALL) == _ALL
        if share >= _WHOLE:
            self._overlay |= cv2.morphologyEx((equal & crowded).view(np.uint8), cv2.MORPH_OPEN, _SPOT) > 0

    def restore(self, made: VideoFrame, left: tuple[Plane, ...], right: tuple[Plane, ...], t: Fraction) -> None:
        """Write into the planes of `made`, at `t` of the way between the source planes, what stands still."""
        near = _NEAR << (made.format.depth - 8)
        for plane, a, b in zip(made.planes, left, right, strict=True):
            still: Mask = np.asarray(cv2.absdiff(plane, a) <= near)
            if self._overlay is not None:
                still |= _on_grid_of(plane, self._overlay)
            np.copyto(plane, a, where=still & (a == b))
            if self._forced is not None:
                np.copyto(plane, b if t >= Fraction(1, 2) else a, where=_on_grid_of(plane, self._forced))


def read_mask(path: Path, clip: ClipInfo) -> Mask:
    """The picture in `path` as a mask for the frames of `clip`: white stays put. It shows the clip as players do.

    Raises:
        InputError: the file is no picture that can be read.
        UsageError: its size is not that of the clip.
    """
    try:
        codes = np.fromfile(path, np.uint8)  # cv2.imread cannot open every name on every system
    except OSError as error:
        raise InputError(f"the mask cannot be read: {error.strerror}", path=path) from error
    picture = cv2.imdecode(codes, cv2.IMREAD_GRAYSCALE) if codes.size else None
    if picture is None:
        raise InputError("the mask is no picture that can be read", path=path, remedy="e.g. a PNG, white and black")
    quarters = clip.rotation // 90
    shown = (clip.height, clip.width) if quarters % 2 == 0 else (clip.width, clip.height)
    if picture.shape != shown:
        raise UsageError(
            f"the mask has {picture.shape[1]}x{picture.shape[0]} pixels, the clip {shown[1]}x{shown[0]}", path=path
        )
    return np.ascontiguousarray(np.rot90(picture >= 128, -quarters))


def _remember(history: _History | None, now: Mask) -> _History:
    newest = now.view(np.uint8)
    return newest if history is None else np.bitwise_or(history << 1, newest, dtype=np.uint8)


def _on_grid_of(plane: Plane, mask: Mask) -> Mask:
    """A chroma sample belongs to a mask that any pixel of its cell belongs to."""
    if plane.shape == mask.shape:
        return mask
    (height, width), (rows, columns) = mask.shape, plane.shape
    sy, sx = -(-height // rows), -(-width // columns)
    whole = np.pad(mask, ((0, rows * sy - height), (0, columns * sx - width))).view(np.uint8)
    return np.asarray(cv2.resize(whole * 255, (columns, rows), interpolation=cv2.INTER_AREA) > 0)
