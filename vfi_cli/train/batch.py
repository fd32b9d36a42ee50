"""What a training step takes: pairs of frames, the true frame between, and what was prepared for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vfi_cli.model.apr import Aligned


class Batch(NamedTuple):
    """Crops (B, 3, S, S) in [0, 1]; t (B, 1, 1, 1)."""

    frame_0: Tensor
    frame_1: Tensor
    truth: Tensor
    t: Tensor
    flow: Tensor | None = None
    """(B, 4, S, S) in pixels: of DIS with `aligned`, else the true one."""
    aligned: Aligned | None = None
    """The frames warped by `flow`, where that was done before training."""


def map_batch(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """`function` applied to every tensor of the batch."""
    frame_0, frame_1, truth, t, flow, aligned = batch
    return Batch(
        function(frame_0),
        function(frame_1),
        function(truth),
        function(t),
        None if flow is None else function(flow),
        None if aligned is None else Aligned(*map(function, aligned)),
    )


def map_images(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """`function` applied to every image (B, 3, S, S), warped ones too."""
    aligned = batch.aligned
    if aligned is not None:
        aligned = aligned._replace(image_0=function(aligned.image_0), image_1=function(aligned.image_1))
    frames = {name: function(getattr(batch, name)) for name in ("frame_0", "frame_1", "truth")}
    return batch._replace(aligned=aligned, **frames)


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
        aligned = batch.aligned
        if aligned is not None:
            aligned = Aligned(aligned.image_1, aligned.image_0, aligned.weight_1, aligned.weight_0)
        batch = batch._replace(frame_0=batch.frame_1, frame_1=batch.frame_0, t=1 - batch.t, aligned=aligned)
        batch = _with_flow(batch, lambda flow: flow[:, [2, 3, 0, 1]])
    return batch


def _with_flow(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    return batch if batch.flow is None else batch._replace(flow=function(batch.flow))


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
