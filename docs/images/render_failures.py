"""Renders failures.png: `python docs/images/render_failures.py [failures.png]`.

Each row shows a known failure of `lite`: the frame before, the generated frame, the true frame, the frame after.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vfi_cli.engine.frames import to_frame, to_tensor
from vfi_cli.engine.interpolator import load_interpolator

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from render_clip import noise, tinted

Image = NDArray[np.float32]
"""(H, W, 3) RGB in [0, 1]."""

HEIGHT, WIDTH = 192, 320
GROUND = tinted(noise(HEIGHT, WIDTH, 3, 1), (60, 74, 50), (196, 200, 160))


def far_jump(time: float) -> Image:
    """A ball that moves by twice its own size."""
    return drawn(
        GROUND, lambda mask: cv2.circle(mask, fixed(80 + 160 * time, 96), fixed(40, 0)[0], 1, -1, cv2.LINE_AA, 8)
    )


def spokes(time: float) -> Image:
    """A wheel that turns by more than half of the angle between its spokes."""

    def wheel(mask: Image) -> None:
        for spoke in range(10):
            angle = 2 * np.pi * (spoke + 0.65 * time) / 10
            tip = fixed(160 + 80 * np.cos(angle), 96 + 80 * np.sin(angle))
            cv2.line(mask, fixed(160, 96), tip, 1, 3, cv2.LINE_AA, 8)

    return drawn(GROUND, wheel)


def flash(time: float) -> Image:
    """The light gets brighter while the camera moves."""
    return np.clip(np.roll(GROUND, round(12 * time), 1) * (0.5 + time), 0, 1)


def drawn(ground: Image, draw: Callable[[Image], object]) -> Image:
    """Paint what `draw` draws in dark red over the ground."""
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    draw(mask)
    return (ground + mask[..., None] * (np.array([0.5, 0.1, 0.1], np.float32) - ground)).astype(np.float32)


def fixed(x: float, y: float) -> tuple[int, int]:
    """A point in units of 1/256 pixel, for OpenCV's drawing functions."""
    return round(256 * x), round(256 * y)


def main(target: Path) -> None:
    interpolator = load_interpolator("lite")
    rows = []
    for scene in (far_jump, spokes, flash):
        left, true, right = ((255 * scene(time)).round().astype(np.uint8) for time in (0, 0.5, 1))
        (made,) = interpolator.between(*(interpolator.prepare(to_tensor(frame)) for frame in (left, right)), (0.5,))
        rows.append(np.hstack([left, to_frame(made), true, right]))
    sheet = cv2.resize(np.vstack(rows), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(target), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "failures.png")
