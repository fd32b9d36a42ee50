"""`Batch`, the input of a training step: pairs of frames, the true frames between them, and precomputed flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Batch(NamedTuple):
    """Crops (B, 3, S, S) in [0, 1], and the times t (B, 1, 1, 1) of the true frames; 0 is `frame_0`, 1 is `frame_1`."""

    frame_0: Tensor
    frame_1: Tensor
    truth: Tensor
    t: Tensor
    target: Tensor | None = None
    """The flow to learn, if known, from the true frame to both frames.

    flow_t0, flow_t1 (B, 4, S / 4, S / 4), in pixels of that size.
    """
    error: Tensor | None = None
    """Photometric error of `target` (B, 2, S / 4, S / 4), from 0 to 1.

    It is the mean absolute difference of the true frame and of each frame warped along `target`.
    """
    searched: Tensor | None = None
    """flow_01, flow_10 that DIS found on whole frames, (B, 4, S / 4, S / 4), in pixels of that size."""
    flow: Tensor | None = None
    """The true flow_01, flow_10 (B, 4, S, S) in pixels, if known."""


def map_batch(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """Apply `function` to every tensor of the batch."""
    return Batch(*(None if x is None else function(x) for x in batch))  # type: ignore[arg-type]


def map_images(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """Apply `function` to every image (B, 3, S, S)."""
    frame_0, frame_1, truth = map(function, batch[:3])
    return batch._replace(frame_0=frame_0, frame_1=frame_1, truth=truth)


def to_image(codes: NDArray[np.uint8]) -> Tensor:
    """An 8-bit frame (H, W, 3) -> (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(codes).permute(2, 0, 1)[None].float() / 255


def flatten(batch: Batch) -> list[Tensor]:
    """The tensors of a batch, in the order of its fields."""
    return [x for x in batch if x is not None]


def augment(batch: Batch, rng: np.random.Generator, *, colour: bool) -> Batch:
    """Flip, transpose and reverse the whole batch at random; with `colour`, change the colours of each sample."""
    batch = apply_symmetry(batch, *(bool(bit) for bit in rng.integers(2, size=4)))
    return recolour(batch, rng) if colour else batch


def apply_symmetry(batch: Batch, flip_x: bool, flip_y: bool, transpose: bool, reverse_time: bool) -> Batch:
    """Flip, transpose and reverse in time. Flips and transpose together give all eight symmetries of the square."""
    if flip_x:
        batch = map_batch(batch, lambda x: x.flip(3))
        batch = _map_flows(batch, lambda flow: flow * flow.new_tensor([-1, 1, -1, 1]).view(4, 1, 1))
    if flip_y:
        batch = map_batch(batch, lambda x: x.flip(2))
        batch = _map_flows(batch, lambda flow: flow * flow.new_tensor([1, -1, 1, -1]).view(4, 1, 1))
    if transpose:
        batch = map_batch(batch, lambda x: x.transpose(2, 3))
        batch = _map_flows(batch, lambda flow: flow[:, [1, 0, 3, 2]])
    if reverse_time:
        error = None if batch.error is None else batch.error.flip(1)
        batch = batch._replace(frame_0=batch.frame_1, frame_1=batch.frame_0, t=1 - batch.t, error=error)
        batch = _map_flows(batch, lambda flow: flow[:, [2, 3, 0, 1]])
    return batch


def _map_flows(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """Apply `function` to every tensor of flows (B, 4, ...)."""
    target, searched, flow = (None if x is None else function(x) for x in (batch.target, batch.searched, batch.flow))
    return batch._replace(target=target, searched=searched, flow=flow)


def recolour(batch: Batch, rng: np.random.Generator) -> Batch:
    """Permute the channels, reduce the contrast and shift the level of each sample at random.

    The change is linear in every channel, so it commutes with the warp. The results are in [0, 1] without clipping.
    """
    B, device = len(batch.t), batch.t.device
    gain = rng.uniform(0.6, 1, (B, 3, 1, 1))
    level = rng.uniform(0, 1 - gain)
    order = torch.from_numpy(rng.permuted(np.tile(np.arange(3), (B, 1)), axis=1)).to(device)
    gains, levels = (torch.from_numpy(value).float().to(device) for value in (gain, level))
    rows = torch.arange(B, device=device)[:, None]
    return map_images(batch, lambda image: torch.addcmul(levels, gains, image[rows, order]))
