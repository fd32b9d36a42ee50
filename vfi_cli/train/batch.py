"""What a training step takes: pairs of frames, the true frame between, and what was prepared for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vfi_cli.model.intermediate import Start

SHAKEN = 0.7
"""Share of the samples that `shake` changes."""


class Batch(NamedTuple):
    """Crops (B, 3, S, S) in [0, 1]; t (B, 1, 1, 1)."""

    frame_0: Tensor
    frame_1: Tensor
    truth: Tensor
    t: Tensor
    flow: Tensor | None = None
    """The true one, (B, 4, S, S) in pixels, where it is known."""
    start: Start | None = None
    """The flow of the source at t, where that was computed before training."""
    target: Tensor | None = None
    """(B, 4, S / 4, S / 4) as `Start.flow_t`: what a teacher sees that is shown the true frame."""


def map_batch(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """`function` applied to every tensor of the batch."""
    frame_0, frame_1, truth, t, flow, start, target = batch
    return Batch(
        function(frame_0),
        function(frame_1),
        function(truth),
        function(t),
        None if flow is None else function(flow),
        None if start is None else Start(*map(function, start)),
        None if target is None else function(target),
    )


def map_images(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """`function` applied to every image (B, 3, S, S)."""
    frame_0, frame_1, truth = map(function, batch[:3])
    return batch._replace(frame_0=frame_0, frame_1=frame_1, truth=truth)


def to_image(codes: NDArray[np.uint8]) -> Tensor:
    """A frame (H, W, 3) in 8 bits -> (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(codes).permute(2, 0, 1)[None].float() / 255


def flatten(batch: Batch) -> list[Tensor]:
    """The tensors of a batch, always in the same order."""
    tensors: list[Tensor] = []
    map_batch(batch, lambda x: tensors.append(x) or x)  # type: ignore[func-returns-value]
    return tensors


def augment(batch: Batch, dice: np.random.Generator, *, colour: bool) -> Batch:
    """Turned, mirrored and reversed at random, all samples alike; with other colours, each of its own."""
    batch = turn(batch, *(bool(bit) for bit in dice.integers(2, size=4)))
    return recolour(batch, dice) if colour else batch


def turn(batch: Batch, mirror: bool, upend: bool, transpose: bool, reverse: bool) -> Batch:
    """Flips, the transpose (with them: all eight symmetries of the square) and temporal reversal."""
    if mirror:
        batch = map_batch(batch, lambda x: x.flip(3))
        batch = _with_flow(batch, lambda flow: flow * flow.new_tensor([-1, 1, -1, 1]).view(4, 1, 1))
    if upend:
        batch = map_batch(batch, lambda x: x.flip(2))
        batch = _with_flow(batch, lambda flow: flow * flow.new_tensor([1, -1, 1, -1]).view(4, 1, 1))
    if transpose:
        batch = map_batch(batch, lambda x: x.transpose(2, 3))
        batch = _with_flow(batch, lambda flow: flow[:, [1, 0, 3, 2]])
    if reverse:
        start = batch.start
        if start is not None:
            start = start._replace(weight=start.weight.flip(1))
        batch = batch._replace(frame_0=batch.frame_1, frame_1=batch.frame_0, t=1 - batch.t, start=start)
        batch = _with_flow(batch, lambda flow: flow[:, [2, 3, 0, 1]])
    return batch


def _with_flow(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """`function` applied to every pair of flows (B, 4, ...)."""
    flow, start, target = batch.flow, batch.start, batch.target
    return batch._replace(
        flow=None if flow is None else function(flow),
        start=None if start is None else start._replace(flow_t=function(start.flow_t)),
        target=None if target is None else function(target),
    )


def shake(batch: Batch, dice: np.random.Generator, amount: float) -> Batch:
    """A smooth error of up to `amount` pixels of the quarter size, or so, in the start of most samples.

    The errors of a good flow source are few and hard to see; these teach an untrained network to look for them.
    """
    if batch.start is None or amount <= 0:
        return batch
    flow_t = batch.start.flow_t
    side = int(dice.integers(2, 9))
    sizes = dice.uniform(0, amount, (len(flow_t), 1, 1, 1)) * (dice.random((len(flow_t), 1, 1, 1)) < SHAKEN)
    coarse = torch.from_numpy((sizes * dice.standard_normal((len(flow_t), 4, side, side))).astype(np.float32))
    error = F.interpolate(coarse.to(flow_t.device), flow_t.shape[-2:], mode="bicubic")
    return batch._replace(start=batch.start._replace(flow_t=flow_t + error))


def recolour(batch: Batch, dice: np.random.Generator) -> Batch:
    """Channels in another order, and less contrast around another level, per sample.

    Linear in every channel, so that it commutes with the warp, and within [0, 1], so that nothing is clipped.
    """
    B, device = len(batch.t), batch.t.device
    gain = dice.uniform(0.6, 1, (B, 3, 1, 1))
    level = dice.uniform(0, 1 - gain)
    order = torch.from_numpy(dice.permuted(np.tile(np.arange(3), (B, 1)), axis=1)).to(device)
    gains, levels = (torch.from_numpy(value).float().to(device) for value in (gain, level))
    rows = torch.arange(B, device=device)[:, None]
    return map_images(batch, lambda image: torch.addcmul(levels, gains, image[rows, order]))
