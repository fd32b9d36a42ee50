"""Hold-out validation while training runs: held-out pairs, scored static and routed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vfi_cli.engine.routed import as_map, route_from_ratios
from vfi_cli.model.apr import Apr
from vfi_cli.model.intermediate import STRIDE
from vfi_cli.model.router import score
from vfi_cli.train.data.batch import Batch, map_batch, to_image
from vfi_cli.train.data.precomputed import crop_to, searched_flow
from vfi_cli.train.data.windows import Window
from vfi_cli.train.learn.losses import psnr
from vfi_cli.train.learn.step import every_patch, warped
from vfi_cli.train.recipes import Recipe

PAIRS = 32
LARGEST = 512
"""Pixels, the side of the middle of the frame that is scored."""
GAPS = (2, 4)
"""By turns, from one end of a pair to the other: the next true frame between, and twice the motion."""


class Example(NamedTuple):
    """One scored pair, for the picture sheet. Images (1, 3, H, W); route (n_h, n_w, d)."""

    batch: Batch
    output: Tensor
    route: Tensor


def validation_set(windows: Sequence[Window], recipe: Recipe, device: torch.device) -> list[Batch]:
    """Up to `PAIRS` pairs of the held-out windows, spread over their sources, always the same."""
    by_source: dict[str, list[Window]] = defaultdict(list)
    for window in windows:
        by_source[window.source].append(window)
    rounds = max(map(len, by_source.values()))
    spread = [group[k] for k in range(rounds) for _, group in sorted(by_source.items()) if k < len(group)]
    patch = recipe.config.patch
    batches = []
    for k, window in enumerate(spread[:PAIRS]):
        gap = min(GAPS[k % len(GAPS)], window.frames - 1)
        first = (window.frames - 1 - gap) // 2
        pair = (first, first + gap // 2, first + gap)
        batch = _plain(window.read(), pair)
        if recipe.config.search:
            batch = batch._replace(searched=searched_flow(batch.frame_0, batch.frame_1))
        height, width = (min(LARGEST, side // patch * patch) for side in (window.height, window.width))
        top, left = (
            (side - kept) // 2 // STRIDE * STRIDE for side, kept in ((window.height, height), (window.width, width))
        )
        batch = crop_to(batch, top, left, height, width)
        batches.append(map_batch(batch, lambda x: x.to(device, memory_format=torch.channels_last)))
    return batches


def _plain(frames: np.ndarray, pair: tuple[int, int, int]) -> Batch:
    left, between, right = pair
    t = torch.full((1, 1, 1, 1), (between - left) / (right - left))
    return Batch(to_image(frames[left]), to_image(frames[right]), to_image(frames[between]), t)


@torch.inference_mode()
def validate(
    model: Apr, batches: Sequence[Batch], recipe: Recipe, *, half: bool
) -> tuple[dict[str, float], list[Example]]:
    """Means over the batches, and what to draw of them.

    average_psnr: of the plain average of the warped frames, in dB: how good the flow is. static_gain, routed_gain:
    how much the network adds to it; routed runs the recipe's keep ratios, ordered by the router.
    """
    sums: dict[str, float] = defaultdict(float)
    examples = []
    for batch in batches:
        with torch.autocast(batch.truth.device.type, torch.bfloat16, enabled=half):
            aligned, contexts = warped(model, batch)
            logits = model.route_logits(aligned)
            ratios = as_map(route_from_ratios(score(logits), recipe.keep_ratios), logits.shape[1], logits.device)
            everything = every_patch(model, batch)
            routes = {"static": None if recipe.whole_share else everything, "routed": ratios.to(everything.dtype)}
            outputs = {"average": torch.lerp(aligned.image_0, aligned.image_1, batch.t)}
            for name, route in routes.items() if "synthesis" in recipe.trains else ():
                packed = model.synthesis(contexts, route)
                outputs[name] = model.blend(packed, aligned, batch.frame_0, batch.frame_1, batch.t)
        scores = {name: psnr(_rounded(output), batch.truth).item() for name, output in outputs.items()}
        sums["average_psnr"] += scores["average"]
        for name in scores.keys() - {"average"}:
            sums[f"{name}_gain"] += scores[name] - scores["average"]
        shown = "routed" if recipe.routed_share else "static" if "static" in outputs else "average"
        grid = [side // model.config.patch for side in batch.truth.shape[-2:]]
        examples.append(Example(batch, outputs[shown], ratios[0].view(*grid, -1)))
    return {name: value / len(batches) for name, value in sorted(sums.items())}, examples


def _rounded(image: Tensor) -> Tensor:
    """As it would be written, in 8 bits."""
    return (image.clamp(0, 1) * 255).round() / 255
