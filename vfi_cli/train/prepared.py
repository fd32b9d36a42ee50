"""Samples for a network whose flow does not learn: flow and warped frames are computed once, before training.

They are computed on whole frames, so that crops see what comes from beyond their border. Training then is nothing but
convolutions.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from vfi_cli.cpus import available_cpus
from vfi_cli.model.apr import Aligned, align
from vfi_cli.model.flow_dis import DisFlow
from vfi_cli.train.batch import Batch, flatten, map_batch, to_image
from vfi_cli.train.pairs import choose_pair
from vfi_cli.train.recipes import Gaps
from vfi_cli.train.windows import Frames, Window

log = logging.getLogger(__name__)


class AlignedCrops:
    """Random crops of random pairs, computed once and kept on `device`, ordered by motion: 25 bytes a pixel.

    size: of the crops; pairs: how many pairs of frames; crops: how many crops of each.
    """

    def __init__(
        self,
        windows: Sequence[Window],
        *,
        size: int,
        pairs: int,
        crops: int,
        gaps: Gaps,
        seed: int,
        device: torch.device,
    ) -> None:
        log.info("preparing %d crops of %d pairs", pairs * crops, pairs)
        kept = _room(pairs * crops, size)
        owners = np.random.default_rng(seed).integers(len(windows), size=pairs)
        motion = torch.empty(len(kept.t))

        def prepare_pairs(owner: int) -> None:
            """All pairs of one window: it is decoded once."""
            frames = windows[owner].read()
            for pair in np.flatnonzero(owners == owner).tolist():
                dice = np.random.default_rng((seed, pair))
                whole = prepare(frames, choose_pair(len(frames), gaps, dice))
                for place in range(pair * crops, (pair + 1) * crops):
                    crop = _random_crop(whole, size, dice)
                    motion[place] = crop.flow.abs().mean()  # type: ignore[union-attr]
                    for room, new in zip(flatten(kept), flatten(_compact(crop)), strict=True):
                        room[place] = new[0]

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # a pair per thread, not a thread per half of a pair
        try:
            with ThreadPoolExecutor(available_cpus()) as pool:
                list(pool.map(prepare_pairs, np.unique(owners).tolist()))
        finally:
            torch.set_num_threads(threads)
        self._kept = map_batch(kept, lambda x: x.to(device))
        self._order = motion.argsort().to(device)

    def draw(self, count: int, dice: np.random.Generator, reach: float) -> Batch:
        """A batch of `count` crops from the `reach` share of them that move least."""
        limit = max(1, round(reach * len(self._order)))
        index = self._order[torch.from_numpy(dice.integers(limit, size=count)).to(self._order.device)]
        return _expand(map_batch(self._kept, lambda x: x[index]))


def prepare(frames: Frames, pair: tuple[int, int, int]) -> Batch:
    """The frames `pair` (left, between, right) of a window, warped to the time of the true one -> whole frames."""
    left, between, right = pair
    frame_0, frame_1, truth = (to_image(frames[k]) for k in (left, right, between))
    t = (between - left) / (right - left)
    flow_source = DisFlow()
    flow = flow_source(flow_source.describe(frame_0), flow_source.describe(frame_1))
    return Batch(frame_0, frame_1, truth, torch.full((1, 1, 1, 1), t), flow, align(frame_0, frame_1, flow, t))


def crop_to(batch: Batch, top: int, left: int, height: int, width: int) -> Batch:
    cropped = map_batch(batch, lambda x: x[..., top : top + height, left : left + width])
    return cropped._replace(t=batch.t)


def _random_crop(batch: Batch, size: int, dice: np.random.Generator) -> Batch:
    height, width = batch.truth.shape[-2:]
    top, left = dice.integers(height - size + 1), dice.integers(width - size + 1)
    return crop_to(batch, int(top), int(left), size, size)


def _room(crops: int, size: int) -> Batch:
    def plane(channels: int, dtype: torch.dtype = torch.uint8) -> Tensor:
        return torch.empty(crops, size, size, channels, dtype=dtype).permute(0, 3, 1, 2)

    aligned = Aligned(plane(3), plane(3), plane(1), plane(1))
    return Batch(plane(3), plane(3), plane(3), torch.empty(crops, 1, 1, 1), plane(4, torch.float16), aligned)


def _compact(batch: Batch) -> Batch:
    """Images and weights in 8 bits (a weight above 1 is full all the same), flow in half precision."""
    small = map_batch(batch, lambda x: (x.clamp(0, 1) * 255).round().to(torch.uint8))
    return small._replace(flow=batch.flow.half(), t=batch.t)  # type: ignore[union-attr]


def _expand(batch: Batch) -> Batch:
    """Inverse of `_compact`, to within its rounding."""
    return map_batch(batch, lambda x: x.float() / 255 if x.dtype == torch.uint8 else x.float())
