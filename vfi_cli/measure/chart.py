"""Draws line charts as images, with OpenCV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(H, W, 3) in BGR, the order in which OpenCV writes images."""

SIZE = (900, 300)
"""(width, height) in pixels."""
MARGIN = 60
LEGEND = 105
INK = (90, 60, 20)
COLOURS = (INK, (40, 40, 210), (60, 150, 30), (150, 150, 150), (0, 140, 230))
MAX_MARKED_POINTS = 16
"""A line with more points than this has no markers."""


@dataclass(frozen=True, slots=True)
class Series:
    """Points (x, y), joined by a line in this order. The legend shows the name unless it is empty."""

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
    """A chart of all series. The axes span all points; up to `len(COLOURS)` series have different colours.

    Args:
        unit: unit of x.
        left: x at the left end; None is the smallest x.
        size: (width, height) in pixels.
    """
    width, height = size
    image = np.full((height, width, 3), 255, np.uint8)
    all_points = np.array([point for line in series for point in line.points], float)
    low, high = all_points.min(0), all_points.max(0)
    if left is not None:
        low[0] = left
    span = np.where(high > low, high - low, 1)
    corner, extent = np.array((MARGIN, height - MARGIN)), np.array((width - 2 * MARGIN, 2 * MARGIN - height))
    cv2.rectangle(image, (MARGIN, MARGIN), (width - MARGIN, height - MARGIN), (200, 200, 200))
    for number, line in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        pixels = ((np.array(line.points) - low) / span * extent + corner).round().astype(np.int32)
        cv2.polylines(image, [pixels], False, colour, 2, cv2.LINE_AA)
        for pixel in pixels.tolist() if len(pixels) <= MAX_MARKED_POINTS else ():
            cv2.circle(image, pixel, 4, colour, cv2.FILLED, cv2.LINE_AA)
        write_text(image, line.name, (width - MARGIN - LEGEND * (len(series) - number), MARGIN - 12), colour)
    write_text(image, title, (MARGIN, MARGIN - 12))
    for value, row in ((high[1], MARGIN + 5), (low[1], height - MARGIN)):
        write_text(image, f"{value:.6g}", (4, row))
    for value, column in ((low[0], MARGIN), (high[0], width - 2 * MARGIN)):
        write_text(image, f"{value:.3g} {unit}", (column, height - MARGIN + 20))
    return image


def write_text(image: Image, text: str, corner: tuple[int, int], colour: tuple[int, int, int] = INK) -> None:
    """Draw a line of text; `corner` is the column and row of its bottom left."""
    cv2.putText(image, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
