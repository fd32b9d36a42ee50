"""Writes packs of tiny clips: a still texture, with a brighter frame in the middle that no average can give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from vfi_cli.model.config import LITE
from vfi_cli.train.recipes import Recipe, lite

TINY = replace(LITE, feature=8, context=8, widths=(8, 8), patch=32)


def write_clip(path: Path, frames: list[np.ndarray]) -> None:
    """Write RGB frames (H, W, 3) as Motion JPEG."""
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (width, height))
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()


def write_pack(folder: Path, clips: int = 3, size: tuple[int, int] = (40, 48)) -> Path:
    folder.mkdir()
    draw = np.random.default_rng(0)
    rows = ["file,first_frame,frames"]
    for clip in range(clips):
        coarse = draw.integers(0, 150, (5, 6, 3)).astype(np.uint8)
        still = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
        write_clip(folder / f"{clip}.avi", [still, still + 60, still])
        rows.append(f"{clip}.avi,0,3")
    (folder / "index.csv").write_text("\n".join(rows) + "\n")
    return folder


def tiny(seconds: float, **changes: object) -> Recipe:
    """The recipe `lite` in a tiny size."""
    small = {"config": TINY, "crop": 32, "batch": 4, "pairs": 8, "crops_per_pair": 2, "warm_up_steps": 1}
    small |= {"unrefined_share": 0.0, "routed_share": 0.33, "trains": ("context", "synthesis", "gate", "router")}
    return replace(lite(seconds / 60), **(small | changes))  # type: ignore[arg-type]
