"""Windows to training batches: a pair, its flow, its warped frames, and the true frame between.

What does not learn is computed once, before training: flow and warping on whole frames, so that crops see what comes
from beyond their border. Training then is nothing but convolutions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vfi_cli.model.apr import Aligned, align
from vfi_cli.model.flow_dis import DisFlow
from vfi_cli.train.packs import Window

GAPS = (2, 3, 4)
"""Frames from the left to the right frame of a pair; larger gaps are larger motion."""

GAP_SHARES = (0.6, 0.1, 0.3)

MIDDLE_SHARE = 0.8
"""Share of the samples whose true frame is the one at t = 1/2, where there is one."""


class Batch(NamedTuple):
    """Crops (B, 3, S, S) in [0, 1]; flow (B, 4, S, S) in pixels; t (B, 1, 1, 1)."""

    frame_0: Tensor
    frame_1: Tensor
    aligned: Aligned
    flow: Tensor
    truth: Tensor
    t: Tensor


class AlignedCrops:
    """Random crops of random pairs, computed once and kept in memory: 25 bytes a pixel.

    pairs: how many pairs of frames; crops: how many crops of each.
    """

    def __init__(self, windows: Sequence[Window], *, size: int, pairs: int, crops: int, seed: int) -> None:
        generator = np.random.default_rng(seed)
        flow_source = DisFlow()
        self._kept = _room(pairs * crops, size)
        for pair in range(pairs):
            whole = _random_pair(windows[int(generator.integers(len(windows)))], generator, flow_source)
            height, width = whole.truth.shape[-2:]
            for crop in range(crops):
                top, left = generator.integers(height - size + 1), generator.integers(width - size + 1)
                compact = _compact(_crop(whole, int(top), int(left), size))
                for kept, new in zip(flatten(self._kept), flatten(compact), strict=True):
                    kept[pair * crops + crop] = new[0]

    def batches(self, size: int, seed: int) -> Iterator[Batch]:
        """Endless batches of `size` crops, each batch turned and reversed at random."""
        generator = np.random.default_rng(seed)
        while True:
            index = torch.from_numpy(generator.integers(len(self._kept.t), size=size))
            batch = _expand(map_batch(self._kept, lambda x, index=index: x[index]))  # type: ignore[misc]
            yield augment(batch, *(bool(bit) for bit in generator.integers(2, size=4)))


def _room(crops: int, size: int) -> Batch:
    def plane(channels: int, dtype: torch.dtype) -> Tensor:
        return torch.empty(crops, size, size, channels, dtype=dtype).permute(0, 3, 1, 2)

    image_0, image_1, frame_0, frame_1, truth = (plane(3, torch.uint8) for _ in range(5))
    aligned = Aligned(image_0, image_1, plane(1, torch.uint8), plane(1, torch.uint8))
    return Batch(frame_0, frame_1, aligned, plane(4, torch.float16), truth, torch.empty(crops, 1, 1, 1))


def _compact(batch: Batch) -> Batch:
    """Images and weights in 8 bits (a weight above 1 is full all the same), flow in half precision."""
    small = map_batch(batch, lambda x: (x.clamp(0, 1) * 255).round().to(torch.uint8))
    return small._replace(flow=batch.flow.half(), t=batch.t)


def _expand(batch: Batch) -> Batch:
    """Inverse of `_compact`, to within its rounding."""
    large = map_batch(batch, lambda x: x.float() / 255)
    return large._replace(flow=batch.flow.float(), t=batch.t)


def _random_pair(window: Window, generator: np.random.Generator, flow_source: DisFlow) -> Batch:
    gap = min(int(generator.choice(GAPS, p=GAP_SHARES)), len(window) - 1)
    left = int(generator.integers(len(window) - gap))
    middle = gap % 2 == 0 and generator.random() < MIDDLE_SHARE
    between = gap // 2 if middle else int(generator.integers(1, gap))
    return _prepare(window[left], window[left + gap], window[left + between], between / gap, flow_source)


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


def flatten(batch: Batch) -> list[Tensor]:
    """The tensors of a batch, always in the same order."""
    return [batch.frame_0, batch.frame_1, *batch.aligned, batch.flow, batch.truth, batch.t]


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
