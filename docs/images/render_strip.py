"""Renders strip.png: `python docs/images/render_strip.py [strip.png]`.

Top: two frames of clip.mp4. Bottom: the frame generated half way between them, and the same frame under its route map.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from vfi_cli.engine.frames import to_frame, to_tensor
from vfi_cli.engine.interpolator import load_interpolator
from vfi_cli.jobs.score.clips import Clip
from vfi_cli.jobs.score.route_overlay import draw_routes
from vfi_cli.model.config import PAPER_KEEP_RATIOS

HERE = Path(__file__).parent
CLIP = HERE.parents[1] / "examples" / "clip.mp4"
LEFT, RIGHT = 16, 17  # frames of the clip
SCALE = 0.75


def main(target: Path) -> None:
    frames = list(Clip("clip", CLIP).frames(RIGHT + 1))
    left, right = frames[LEFT], frames[RIGHT]
    interpolator = load_interpolator("lite", routing=PAPER_KEEP_RATIOS)
    (between,) = interpolator.between(*(interpolator.prepare(to_tensor(frame)) for frame in (left, right)), (0.5,))
    middle = to_frame(between)
    routes = draw_routes(middle, interpolator.last_routes, interpolator.network.config.patch)
    strip = np.vstack([np.hstack([left, right]), np.hstack([middle, routes])])
    small = cv2.resize(strip, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(target), cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "strip.png")
