"""Draws a route map over a frame: the colour of a patch shows how many dynamic blocks it runs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vfi_cli.engine.frames import Frame

PALETTE = np.array([[40, 60, 120], [0, 150, 200], [60, 190, 90], [250, 200, 40], [230, 50, 40]], np.uint8)
"""RGB colours for 0 to 4 blocks, cold to hot."""
OPACITY = 0.4


def draw_routes(frame: Frame, route: NDArray[np.bool_], patch: int) -> Frame:
    """The frame (H, W, 3) under its route map (n_h, n_w, d), with a legend at the bottom left.

    Patch (0, 0) is at the top left. Patches that extend beyond the frame are cut.
    """
    height, width = frame.shape[:2]
    depth = route.sum(axis=2)  # (n_h, n_w)
    tint = PALETTE[depth].repeat(patch, axis=0).repeat(patch, axis=1)[:height, :width]
    drawn = np.asarray(cv2.addWeighted(frame, 1 - OPACITY, tint, OPACITY, 0), np.uint8)
    _draw_legend(drawn)
    return drawn


def _draw_legend(frame: Frame) -> None:
    """Draw one box with a digit for each number of blocks; a box is a twentieth of the frame high."""
    side = max(12, frame.shape[0] // 20)
    for depth, colour in enumerate(PALETTE.tolist()):
        left, bottom = side // 2 + depth * side, frame.shape[0] - side // 2
        cv2.rectangle(frame, (left, bottom - side), (left + side - 1, bottom - 1), colour, cv2.FILLED)
        cv2.putText(
            frame,
            str(depth),
            (left + side // 4, bottom - side // 4),
            cv2.FONT_HERSHEY_SIMPLEX,
            side / 36,
            (255, 255, 255),
            max(1, side // 18),
            cv2.LINE_AA,
        )
