"""Charts as pictures: lines over a common axis, drawn with OpenCV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(H, W, 3), BGR as OpenCV writes it."""

SIZE = (900, 300)
"""Columns and rows of pixels."""
MARGIN = 60
LEGEND = 105
INK = (90, 60, 20)
COLOURS = (INK, (40, 40, 210), (60, 150, 30), (150, 150, 150), (0, 140, 230))
FEW = 16
"""Up to so many points are marked."""


@dataclass(frozen=True, slots=True)
class Series:
    """Points (x, y) that a line joins, in this order; the legend shows the name if there is one."""

    name: str
    points: Sequence[tuple[float, float]]


def draw_chart(
    title: str,
    series: Sequence[Series],
    *,
    unit: str = "",
    left: float | None = None,
    size: tuple[int, int] = SIZE,
) -> Image:
    """All series in one frame, which spans what they span; up to `len(COLOURS)` can be told apart.

    unit: of x. left: where x begins; None: at the smallest.
    """
    width, height = size
    picture = np.full((height, width, 3), 255, np.uint8)
    everything = np.array([point for one in series for point in one.points], float)
    low, high = everything.min(0), everything.max(0)
    if left is not None:
        low[0] = left
    span = np.where(high > low, high - low, 1)
    corner, extent = np.array((MARGIN, height - MARGIN)), np.array((width - 2 * MARGIN, 2 * MARGIN - height))
    cv2.rectangle(picture, (MARGIN, MARGIN), (width - MARGIN, height - MARGIN), (200, 200, 200))
    for number, one in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        places = ((np.array(one.points) - low) / span * extent + corner).round().astype(np.int32)
        cv2.polylines(picture, [places], False, colour, 2, cv2.LINE_AA)
        for place in places.tolist() if len(places) <= FEW else ():
            cv2.circle(picture, place, 4, colour, cv2.FILLED, cv2.LINE_AA)
        write_text(picture, one.name, (width - MARGIN - LEGEND * (len(series) - number), MARGIN - 12), colour)
    write_text(picture, title, (MARGIN, MARGIN - 12))
    for value, row in ((high[1], MARGIN + 5), (low[1], height - MARGIN)):
        write_text(picture, f"{value:.6g}", (4, row))
    for value, column in ((low[0], MARGIN), (high[0], width - 2 * MARGIN)):
        write_text(picture, f"{value:.3g} {unit}", (column, height - MARGIN + 20))
    return picture


def write_text(picture: Image, text: str, corner: tuple[int, int], colour: tuple[int, int, int] = INK) -> None:
    """A line of text; `corner` is the column and row of its bottom left."""
    cv2.putText(picture, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
