"""Renders smoother.webp: `python docs/images/render_smoother.py [smoother.webp]`.

Left: a part of examples/clip.mp4 at a quarter of the shown rate. Right: the same part, interpolated.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np

from vfi_cli.engine.frames import Frame, to_frame, to_tensor
from vfi_cli.engine.interpolator import load_interpolator
from vfi_cli.jobs.score.clips import Clip

HERE = Path(__file__).parent
CLIP = HERE.parents[1] / "examples" / "clip.mp4"  # 24 frames per second
FIRST, LAST, STEP, FACTOR = 92, 122, 2, 4  # frames of the clip; every second one is used; output frames per gap
SIZE = (400, 225)
QUALITY = "70"


def label(frame: Frame, text: str) -> Frame:
    """The frame in the size of the animation, with a caption."""
    small = cv2.resize(frame, SIZE, interpolation=cv2.INTER_AREA)
    cv2.rectangle(small, (0, 0), (SIZE[0], 26), (0, 0, 0), cv2.FILLED)
    cv2.putText(small, text, (8, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 255, 255), 1, cv2.LINE_AA)
    return np.asarray(small)


def main(target: Path) -> None:
    sources = list(Clip("clip", CLIP).frames(LAST + 1))[FIRST::STEP]
    interpolator = load_interpolator("lite", "cpu")
    prepared = [interpolator.prepare(to_tensor(frame)) for frame in sources]
    times = tuple(number / FACTOR for number in range(1, FACTOR))
    rate = 24 // STEP
    with av.open(str(target), "w", format="webp", options={"loop": "0"}) as container:
        stream = container.add_stream("libwebp_anim", rate=rate * FACTOR, options={"quality": QUALITY})
        stream.width, stream.height, stream.pix_fmt = 2 * SIZE[0], SIZE[1], "yuv420p"
        number = 0
        for index, (left, right) in enumerate(pairwise(prepared)):
            between = [to_frame(one) for one in interpolator.between(left, right, times)]
            for shown in (sources[index], *between):
                before = label(sources[index], f"{rate} frames per second")
                after = label(shown, f"{rate * FACTOR} frames per second, vfi")
                frame = av.VideoFrame.from_ndarray(np.hstack([before, after]), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, rate * FACTOR)
                number += 1
                container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "smoother.webp")
