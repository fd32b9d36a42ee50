"""Windows to training batches: a pair, its flow, its warped frames, and the true frame between.

What does not learn is computed here, by worker processes: flow and warping on whole frames, so that crops see what
comes from beyond their border; then crops and augmentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from vfi_cli.model.apr import Aligned, align
from vfi_cli.model.flow_dis import DisFlow
from vfi_cli.train.packs import Window

GAPS = (2, 3, 4, 6, 8)
"""Frames from the left to the right frame of a pair; larger gaps are larger motion."""

GAP_SHARES = (0.45, 0.1, 0.25, 0.1, 0.1)

MIDDLE_SHARE = 0.75
"""Share of the samples whose true frame is the one at t = 1/2, where there is one."""


class Batch(NamedTuple):
    """Crops (B, 3, S, S) in [0, 1]; flow (B, 4, S, S) in pixels; t (B, 1, 1, 1)."""

    frame_0: Tensor
    frame_1: Tensor
    aligned: Aligned
    flow: Tensor
    truth: Tensor
    t: Tensor


class AlignedCrops(IterableDataset[Batch]):
    """Endless batches of random crops; `crops` of each batch come from the same pair of frames."""

    def __init__(self, windows: Sequence[Window], *, size: int, batch: int, crops: int, seed: int) -> None:
        self.windows = windows
        self.size = size
        self.pairs = batch // crops
        self.crops = crops
        self.seed = seed

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        torch.set_num_threads(1)
        generator = np.random.default_rng((self.seed, worker.id if worker else 0))
        flow_source = DisFlow()
        while True:
            crops = [crop for _ in range(self.pairs) for crop in self._crops(generator, flow_source)]
            yield collate(crops)

    def _crops(self, generator: np.random.Generator, flow_source: DisFlow) -> Iterator[Batch]:
        window = self.windows[int(generator.integers(len(self.windows)))]
        gap = int(generator.choice(GAPS, p=GAP_SHARES))
        gap = min(gap, len(window) - 1)
        left = int(generator.integers(len(window) - gap))
        middle = gap % 2 == 0 and generator.random() < MIDDLE_SHARE
        between = gap // 2 if middle else int(generator.integers(1, gap))
        whole = _prepare(window[left], window[left + gap], window[left + between], between / gap, flow_source)
        height, width = whole.truth.shape[-2:]
        for _ in range(self.crops):
            top = int(generator.integers(height - self.size + 1))
            start = int(generator.integers(width - self.size + 1))
            crop = _crop(whole, top, start, self.size)
            yield augment(crop, *(bool(bit) for bit in generator.integers(2, size=4)))


def _crop(batch: Batch, top: int, left: int, size: int) -> Batch:
    t = batch.t
    return map_batch(batch, lambda x: x[..., top : top + size, left : left + size])._replace(t=t)


def _prepare(left: Window, right: Window, between: Window, t: float, flow_source: DisFlow) -> Batch:
    frame_0, frame_1, truth = (
        torch.from_numpy(frame).permute(2, 0, 1)[None].float().div_(255) for frame in (left, right, between)
    )
    flow = flow_source(flow_source.describe(frame_0), flow_source.describe(frame_1))
    aligned = align(frame_0, frame_1, flow, t)
    return Batch(frame_0, frame_1, aligned, flow, truth, torch.full((1, 1, 1, 1), t))


def map_batch(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """`function` applied to every tensor of the batch."""
    frame_0, frame_1, aligned, flow, truth, t = batch
    return Batch(
        function(frame_0),
        function(frame_1),
        Aligned(*map(function, aligned)),
        function(flow),
        function(truth),
        function(t),
    )


def collate(batches: Sequence[Batch]) -> Batch:
    """Stack along the first axis, channels-last."""
    aligned = Aligned(*(torch.cat(parts) for parts in zip(*(batch.aligned for batch in batches), strict=True)))
    columns = {
        name: torch.cat([getattr(batch, name) for batch in batches]) for name in Batch._fields if name != "aligned"
    }
    return Batch(aligned=aligned, **columns)


def augment(batch: Batch, mirror: bool, upend: bool, transpose: bool, reverse: bool) -> Batch:
    """Flips, the transpose (with them: all eight symmetries of the square) and temporal reversal."""
    if mirror:
        batch = map_batch(batch, lambda x: x.flip(3))
        batch = batch._replace(flow=batch.flow * torch.tensor([-1.0, 1, -1, 1]).view(4, 1, 1))
    if upend:
        batch = map_batch(batch, lambda x: x.flip(2))
        batch = batch._replace(flow=batch.flow * torch.tensor([1.0, -1, 1, -1]).view(4, 1, 1))
    if transpose:
        batch = map_batch(batch, lambda x: x.transpose(2, 3))
        batch = batch._replace(flow=batch.flow[:, [1, 0, 3, 2]])
    if reverse:
        image_0, image_1, weight_0, weight_1 = batch.aligned
        batch = Batch(
            frame_0=batch.frame_1,
            frame_1=batch.frame_0,
            aligned=Aligned(image_1, image_0, weight_1, weight_0),
            flow=batch.flow[:, [2, 3, 0, 1]],
            truth=batch.truth,
            t=1 - batch.t,
        )
    return batch
