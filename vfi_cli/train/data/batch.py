"""What a training step takes: pairs of frames, the true frame between, and what was prepared for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Batch(NamedTuple):
    """Crops (B, 3, S, S) in [0, 1]; t (B, 1, 1, 1)."""

    frame_0: Tensor
    frame_1: Tensor
    truth: Tensor
    t: Tensor
    target: Tensor | None = None
    """Flow to learn, where it is known: flow_t0, flow_t1 (B, 4, S / 4, S / 4) in pixels of that size."""
    error: Tensor | None = None
    """How badly the frames fit the true one along `target`: absolute difference (B, 2, S / 4, S / 4), 0 to 1."""
    searched: Tensor | None = None
    """flow_01, flow_10 of the search on whole frames, (B, 4, S / 4, S / 4) in pixels of that size."""
    flow: Tensor | None = None
    """The true flow_01, flow_10 (B, 4, S, S) in pixels, where it is known."""


def map_batch(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """`function` applied to every tensor of the batch."""
    return Batch(*(None if x is None else function(x) for x in batch))  # type: ignore[arg-type]


def map_images(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """`function` applied to every image (B, 3, S, S)."""
    frame_0, frame_1, truth = map(function, batch[:3])
    return batch._replace(frame_0=frame_0, frame_1=frame_1, truth=truth)


def to_image(codes: NDArray[np.uint8]) -> Tensor:
    """A frame (H, W, 3) in 8 bits -> (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(codes).permute(2, 0, 1)[None].float() / 255


def flatten(batch: Batch) -> list[Tensor]:
    """The tensors of a batch, always in the same order."""
    return [x for x in batch if x is not None]


def augment(batch: Batch, rng: np.random.Generator, *, colour: bool) -> Batch:
    """Turned, mirrored and reversed at random, all samples alike; with other colours, each of its own."""
    batch = turn(batch, *(bool(bit) for bit in rng.integers(2, size=4)))
    return recolour(batch, rng) if colour else batch


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
        error = None if batch.error is None else batch.error.flip(1)
        batch = batch._replace(frame_0=batch.frame_1, frame_1=batch.frame_0, t=1 - batch.t, error=error)
        batch = _with_flow(batch, lambda flow: flow[:, [2, 3, 0, 1]])
    return batch


def _with_flow(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """`function` applied to every pair of flows (B, 4, ...)."""
    target, searched, flow = (None if x is None else function(x) for x in (batch.target, batch.searched, batch.flow))
    return batch._replace(target=target, searched=searched, flow=flow)


def recolour(batch: Batch, rng: np.random.Generator) -> Batch:
    """Channels in another order, and less contrast around another level, per sample.

    Linear in every channel, so that it commutes with the warp, and within [0, 1], so that nothing is clipped.
    """
    B, device = len(batch.t), batch.t.device
    gain = rng.uniform(0.6, 1, (B, 3, 1, 1))
    level = rng.uniform(0, 1 - gain)
    order = torch.from_numpy(rng.permuted(np.tile(np.arange(3), (B, 1)), axis=1)).to(device)
    gains, levels = (torch.from_numpy(value).float().to(device) for value in (gain, level))
    rows = torch.arange(B, device=device)[:, None]
    return map_images(batch, lambda image: torch.addcmul(levels, gains, image[rows, order]))
