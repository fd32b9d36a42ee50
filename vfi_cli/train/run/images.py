"""PNG images of a run: a sheet of held-out pairs with the output of the network, and the curves of the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from torch import Tensor

from vfi_cli.measure.chart import Image, Series, draw_chart, write_text
from vfi_cli.train.run.validation import Example

ROWS = 6
ERROR_GAIN = 4
COLUMNS = ("frame 0", "frame 1", "output", "truth", f"error x{ERROR_GAIN}", "blocks per patch")


def write_sheet(path: Path, examples: Sequence[Example]) -> None:
    """Write an image with one row per pair: inputs, output, truth, error, routes; captions above."""
    side = 192
    head = np.full((24, side * len(COLUMNS), 3), 255, np.uint8)
    for column, caption in enumerate(COLUMNS):
        write_text(head, caption, (column * side + 4, 17))
    rows = [np.hstack([_fit(image, side) for image in _row_images(example)]) for example in examples[:ROWS]]
    cv2.imwrite(str(path), np.vstack([head, *rows]))


def _row_images(example: Example) -> list[Image]:
    """The images of a row of the sheet, in the order of `COLUMNS`."""
    batch = example.batch
    frame_0, frame_1, truth, output = (_to_bgr(x) for x in (batch.frame_0, batch.frame_1, batch.truth, example.output))
    error = np.abs(output.astype(np.int16) - truth).mean(2) * ERROR_GAIN
    depth = example.route.sum(2).cpu().numpy()
    tint = np.asarray(depth * (255 // max(1, example.route.shape[2])), np.uint8)
    tint = np.asarray(cv2.resize(tint, truth.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
    routes = cv2.addWeighted(truth, 0.5, cv2.applyColorMap(tint, cv2.COLORMAP_VIRIDIS), 0.5, 0)
    heat = cv2.applyColorMap(np.asarray(error.clip(0, 255), np.uint8), cv2.COLORMAP_INFERNO)
    return [np.asarray(image, np.uint8) for image in (frame_0, frame_1, output, truth, heat, routes)]


def _to_bgr(image: Tensor) -> Image:
    """An image (1, 3, H, W) in [0, 1] -> 8-bit BGR (H, W, 3)."""
    bgr = (image[0].float().clamp(0, 1) * 255).round().permute(1, 2, 0).cpu().numpy()
    return np.asarray(bgr[..., ::-1], np.uint8).copy()


def _fit(image: Image, side: int) -> Image:
    """Resize an image to fit into a white square of `side` x `side`."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    resized = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    square = np.full((side, side, 3), 255, np.uint8)
    square[: resized.shape[0], : resized.shape[1]] = resized
    return square


def write_curves(path: Path, records: Sequence[dict[str, Any]]) -> None:
    """Write an image with a curve over the minutes for every metric of the records."""
    names = dict.fromkeys(name for record in records for name in record if name not in ("step", "minutes"))
    curves = []
    for name in names:
        points = [(record["minutes"], record[name]) for record in records if name in record]
        curves.append(draw_chart(f"{name}: {points[-1][1]:.4g}", [Series("", points)], unit="min", left=0))
    if curves:
        cv2.imwrite(str(path), np.vstack(curves))
