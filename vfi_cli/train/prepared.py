"""Samples for a network whose flow source does not learn: its flow is computed once, before training.

It is computed on whole frames, so that crops see what comes from beyond their border.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from vfi_cli.cpus import available_cpus
from vfi_cli.model.flow import FlowNet
from vfi_cli.model.flow_dis import DisFlow
from vfi_cli.model.intermediate import STRIDE, Start, start_at
from vfi_cli.train.batch import Batch, flatten, map_batch, to_image
from vfi_cli.train.pairs import choose_pair
from vfi_cli.train.recipes import Gaps
from vfi_cli.train.windows import Frames, Window

log = logging.getLogger(__name__)


class PreparedCrops:
    """Random crops of random pairs, computed once and kept on `device`, ordered by motion: 10 bytes a pixel.

    size: of the crops; pairs: how many pairs of frames; crops: how many crops of each. teacher: a flow network that is
    shown the true frame.
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
        teacher: FlowNet | None = None,
    ) -> None:
        log.info("preparing %d crops of %d pairs", pairs * crops, pairs)
        kept = _room(pairs * crops, size, taught=teacher is not None)
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
                    if teacher is not None:
                        crop = crop._replace(target=teach(teacher, crop))
                    assert crop.start is not None
                    motion[place] = crop.start.flow_t.abs().mean()
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
    """The frames `pair` (left, between, right) of a window, and their flow at the time of the true one -> whole frames.

    Their sides are cut to multiples of `STRIDE`.
    """
    left, between, right = pair
    height, width = (side // STRIDE * STRIDE for side in frames.shape[1:3])
    frame_0, frame_1, truth = (to_image(frames[k, :height, :width]) for k in (left, right, between))
    t = (between - left) / (right - left)
    flow_source = DisFlow()
    flow = flow_source(flow_source.describe(frame_0), flow_source.describe(frame_1))
    return Batch(frame_0, frame_1, truth, torch.full((1, 1, 1, 1), t), start=start_at(flow, t))


@torch.no_grad()
def teach(teacher: FlowNet, crop: Batch) -> Tensor:
    """The flow from the true frame to both, (1, 4, h, w) in pixels of the quarter size, as RIFE's teacher sees it."""
    truth = teacher.describe(crop.truth)
    with torch.autocast("cpu", torch.bfloat16):
        flows = [teacher.flows(truth, teacher.describe(frame))[-1] for frame in (crop.frame_0, crop.frame_1)]
    return torch.cat([flow[:, :2] for flow in flows], 1) / STRIDE


def crop_to(batch: Batch, top: int, left: int, height: int, width: int) -> Batch:
    """A part of all frames; its sides and corners are multiples of `STRIDE`."""

    def cut(x: Tensor, stride: int) -> Tensor:
        rows, columns = (
            slice(begin // stride, (begin + size) // stride) for begin, size in ((top, height), (left, width))
        )
        return x[..., rows, columns]

    frame_0, frame_1, truth = (cut(image, 1) for image in batch[:3])
    start = None if batch.start is None else Start(*(cut(x, STRIDE) for x in batch.start))
    return batch._replace(frame_0=frame_0, frame_1=frame_1, truth=truth, start=start)


def _random_crop(batch: Batch, size: int, dice: np.random.Generator) -> Batch:
    height, width = batch.truth.shape[-2:]
    top, left = (STRIDE * int(dice.integers((side - size) // STRIDE + 1)) for side in (height, width))
    return crop_to(batch, top, left, size, size)


def _room(crops: int, size: int, *, taught: bool) -> Batch:
    def plane(channels: int, dtype: torch.dtype = torch.uint8, stride: int = 1) -> Tensor:
        side = size // stride
        return torch.empty(crops, side, side, channels, dtype=dtype).permute(0, 3, 1, 2)

    start = Start(plane(4, torch.float16, STRIDE), plane(2, stride=STRIDE))
    target = plane(4, torch.float16, STRIDE) if taught else None
    return Batch(plane(3), plane(3), plane(3), torch.empty(crops, 1, 1, 1), start=start, target=target)


def _compact(batch: Batch) -> Batch:
    """Images and weights in 8 bits, flow in half precision."""

    def small(x: Tensor) -> Tensor:
        return (x * 255).round().to(torch.uint8)

    assert batch.start is not None
    frame_0, frame_1, truth = map(small, batch[:3])
    start = Start(batch.start.flow_t.half(), small(batch.start.weight))
    target = None if batch.target is None else batch.target.half()
    return batch._replace(frame_0=frame_0, frame_1=frame_1, truth=truth, start=start, target=target)


def _expand(batch: Batch) -> Batch:
    """Inverse of `_compact`, to within its rounding."""
    return map_batch(batch, lambda x: x.float() / 255 if x.dtype == torch.uint8 else x.float())
