"""Validation during a training run: scores held-out pairs, static and routed."""

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
from vfi_cli.train.learn.step import dense_route, warp_batch
from vfi_cli.train.recipes import Recipe

PAIRS = 32
"""Largest number of pairs that are scored."""
MAX_SIDE = 512
"""Largest side of the scored crop, in pixels. The crop is from the middle of the frame."""
GAPS = (2, 4)
"""Frames from the left to the right frame of a pair, used in turn: three adjacent frames, and twice their motion."""


class Example(NamedTuple):
    """A scored pair for the image sheet: output (1, 3, H, W), not clamped; route (n_h, n_w, d), bool."""

    batch: Batch
    output: Tensor
    route: Tensor


def validation_set(windows: Sequence[Window], recipe: Recipe, device: torch.device) -> list[Batch]:
    """Up to `PAIRS` pairs of the held-out windows, spread over their sources; the same pairs every time."""
    by_source: dict[str, list[Window]] = defaultdict(list)
    for window in windows:
        by_source[window.source].append(window)
    rounds = max(map(len, by_source.values()))
    ordered = [group[k] for k in range(rounds) for _, group in sorted(by_source.items()) if k < len(group)]
    patch = recipe.config.patch
    batches = []
    for k, window in enumerate(ordered[:PAIRS]):
        gap = min(GAPS[k % len(GAPS)], window.frames - 1)
        first = (window.frames - 1 - gap) // 2
        pair = (first, first + gap // 2, first + gap)
        batch = _frames_of_pair(window.read(), pair)
        if recipe.config.search:
            batch = batch._replace(searched=searched_flow(batch.frame_0, batch.frame_1))
        height, width = (min(MAX_SIDE, side // patch * patch) for side in (window.height, window.width))
        top, left = (
            (side - kept) // 2 // STRIDE * STRIDE for side, kept in ((window.height, height), (window.width, width))
        )
        batch = crop_to(batch, top, left, height, width)
        batches.append(map_batch(batch, lambda x: x.to(device, memory_format=torch.channels_last)))
    return batches


def _frames_of_pair(frames: np.ndarray, pair: tuple[int, int, int]) -> Batch:
    """A batch of one sample, without flow, from the frames `pair` (left, between, right) of a window."""
    left, between, right = pair
    t = torch.full((1, 1, 1, 1), (between - left) / (right - left))
    return Batch(to_image(frames[left]), to_image(frames[right]), to_image(frames[between]), t)


@torch.inference_mode()
def validate(
    model: Apr, batches: Sequence[Batch], recipe: Recipe, *, half: bool
) -> tuple[dict[str, float], list[Example]]:
    """Scores, averaged over the batches, and the examples for the image sheet.

    Scores in dB:

        average_psnr    PSNR of the average of the warped frames, weighted by time; it shows how good the flow is
        static_gain     PSNR of the network minus `average_psnr`, with all blocks on all patches
        routed_gain     the same with the keep ratios of the recipe; the router ranks the patches
    """
    sums: dict[str, float] = defaultdict(float)
    examples = []
    for batch in batches:
        with torch.autocast(batch.truth.device.type, torch.bfloat16, enabled=half):
            aligned, contexts = warp_batch(model, batch)
            logits = model.route_logits(aligned)
            routed = as_map(route_from_ratios(score(logits), recipe.keep_ratios), logits.shape[1], logits.device)
            all_patches = dense_route(model, batch)
            routes = {"static": None if recipe.whole_share else all_patches, "routed": routed.to(all_patches.dtype)}
            outputs = {"average": torch.lerp(aligned.image_0, aligned.image_1, batch.t)}
            for name, route in routes.items() if "synthesis" in recipe.trains else ():
                packed = model.synthesis(contexts, route)
                outputs[name] = model.blend(packed, aligned, batch.frame_0, batch.frame_1, batch.t)
        scores = {name: psnr(_quantized(output), batch.truth).item() for name, output in outputs.items()}
        sums["average_psnr"] += scores["average"]
        for name in scores.keys() - {"average"}:
            sums[f"{name}_gain"] += scores[name] - scores["average"]
        shown = "routed" if recipe.routed_share else "static" if "static" in outputs else "average"
        grid = [side // model.config.patch for side in batch.truth.shape[-2:]]
        examples.append(Example(batch, outputs[shown], routed[0].view(*grid, -1)))
    return {name: value / len(batches) for name, value in sorted(sums.items())}, examples


def _quantized(image: Tensor) -> Tensor:
    """The image (B, 3, H, W), clamped to [0, 1] and rounded to 8 bits, as it would be written to a file."""
    return (image.clamp(0, 1) * 255).round() / 255
