"""Synthetic triplets with their exact flow, rendered on the device from layers that move, overlap, or stand still.

Each layer is a texture with a shape. An affine map places it in the frame. The six numbers of the map change linearly
with time, so every point moves along a straight line at constant speed. The flow between the frames therefore gives
the exact position of a point at any time t.

    overlay      text, stands still                        shape: glyphs
    objects      move, rotate, scale; some are thin        shape: blobs, bars
    background   moves, rotates, scales a little           shape: everywhere
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vfi_cli.model.intermediate import STRIDE
from vfi_cli.train.data.batch import Batch
from vfi_cli.train.data.windows import Frames, Window

OBJECTS = 4
"""Object layers of a sample."""
TEXTURE_FRAMES = 64
"""Number of frames of the training windows that textures are cut from."""
SHAPE_COUNT = 64
"""Number of shapes drawn in advance, for objects and again for overlays."""
OVERLAY_SHARE = 0.3
"""Share of the samples that have an overlay."""
LARGEST_SHIFT = 0.4
"""Largest shift of an object, as a share of the side of the crop."""


class Layers(NamedTuple):
    """B samples with L layers each, the nearest layer first. S is the side of the image in pixels.

    Affine maps lead from (x, y, 1) of the texture to (x, y) of the frame; coordinates in the image are from -1 to 1.
    """

    texture: Tensor  # (B, L, 3, S, S) in [0, 1]
    shape: Tensor  # (B, L, 1, S, S) opacity in [0, 1]
    start: Tensor  # (B, L, 2, 3) affine map in frame 0
    end: Tensor  # (B, L, 2, 3) affine map in frame 1


class Synthetic:
    """Renders batches of `size` x `size` pixels. Textures are cut from source frames; some get a repeating pattern."""

    def __init__(self, windows: Sequence[Window], *, size: int, seed: int, device: torch.device) -> None:
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(windows), min(TEXTURE_FRAMES, len(windows)), replace=False).tolist()
        texture_frames = np.stack([_square(windows[k].read()[0], 2 * size) for k in chosen])
        self._texture_frames = torch.from_numpy(texture_frames).to(device)
        self._objects = torch.from_numpy(np.stack([_object(size, rng) for _ in range(SHAPE_COUNT)])).to(device)
        self._overlays = torch.from_numpy(np.stack([_overlay(size, rng) for _ in range(SHAPE_COUNT)])).to(device)
        self._size, self._device = size, device

    def draw(self, count: int, rng: np.random.Generator, motion_share: float) -> Batch:
        """`count` samples with the true flow. Their motion is at most `motion_share` of the largest motion."""
        layers = self._layers(count, rng, motion_share)
        t = torch.from_numpy(rng.uniform(0.1, 0.9, count)).float().to(self._device).view(-1, 1, 1, 1)
        frame_0, flow_01 = render(layers, torch.zeros_like(t))
        frame_1, flow_10 = render(layers, torch.ones_like(t))
        truth, flow = render(layers, t)
        quarter_flow = flow[:, :, STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE] / STRIDE
        target = torch.cat((-t * quarter_flow, (1 - t) * quarter_flow), 1)
        error = torch.zeros_like(target[:, :2])
        return Batch(frame_0, frame_1, truth, t, target, error, flow=torch.cat((flow_01, flow_10), 1))

    def _layers(self, B: int, rng: np.random.Generator, motion_share: float) -> Layers:
        L = OBJECTS + 2
        shape = torch.ones(B, L, 1, self._size, self._size, device=self._device)
        picks = torch.from_numpy(rng.integers(SHAPE_COUNT, size=(B, L))).to(self._device)
        shape[:, 1:-1] = self._objects[picks[:, 1:-1], None].float() / 255
        has_overlay = torch.from_numpy(rng.random(B) < OVERLAY_SHARE).to(self._device).view(-1, 1, 1, 1)
        shape[:, 0] = self._overlays[picks[:, 0], None].float() / 255 * has_overlay
        start, end = (
            torch.from_numpy(affines).float().to(self._device) for affines in _motion(B, L, rng, motion_share)
        )
        textures = self._textures(B * L, rng).view(B, L, 3, self._size, self._size)
        return Layers(textures, shape, start, end)

    def _textures(self, count: int, rng: np.random.Generator) -> Tensor:
        """Textures (count, 3, S, S) cut from frames; a quarter of them have a grating or a chequerboard added."""
        side = self._texture_frames.shape[1] - self._size
        tops, lefts = rng.integers(side + 1, size=(2, count)).tolist()
        parts = [
            self._texture_frames[frame, top : top + self._size, left : left + self._size]
            for frame, top, left in zip(
                rng.integers(len(self._texture_frames), size=count).tolist(), tops, lefts, strict=True
            )
        ]
        textures = torch.stack(parts).permute(0, 3, 1, 2).float() / 255
        waves = torch.from_numpy(rng.uniform(-1, 1, (2, count, 2, 1, 1)) * math.pi / 3).float().to(self._device)
        rows = torch.arange(self._size, dtype=torch.float32, device=self._device)
        phases = [wave[:, 0] * rows[:, None] + wave[:, 1] * rows for wave in waves]
        chequered = torch.from_numpy(rng.random((count, 1, 1)) < 0.5).to(self._device)
        pattern = phases[0].sin() * torch.where(chequered, phases[1].sin(), 1)
        strength = torch.from_numpy(np.where(rng.random((count, 1, 1, 1)) < 0.25, 0.25, 0)).float().to(self._device)
        patterned: Tensor = textures + strength * pattern[:, None]
        return patterned.clamp(0, 1)


def render(layers: Layers, t: Tensor) -> tuple[Tensor, Tensor]:
    """Images (B, 3, S, S) in [0, 1] at the times t (B, 1, 1, 1), and the flow (B, 2, S, S) of their visible points.

    The flow is (dx, dy) in pixels. At t = 0 it is flow_01, at t = 1 it is flow_10. At other times it is the motion of
    each point from frame 0 to frame 1, stored at the pixel where the point is at t.
    """
    B, L, _, S, _ = layers.texture.shape
    affine = torch.lerp(layers.start, layers.end, t)
    line = (torch.arange(S, device=t.device) + 0.5) * 2 / S - 1
    pixels = torch.stack((*torch.meshgrid(line, line, indexing="xy"), torch.ones(S, S, device=t.device)), 2)
    grid = torch.einsum("blij,yxj->blyxi", _inverse(affine), pixels)  # texture coordinates of each pixel
    stacked = torch.cat((layers.texture, layers.shape), 2).flatten(0, 1)
    inside = (grid.abs() <= 1).all(4)[:, :, None]
    inside[:, -1] = True  # the background continues beyond its texture, mirrored
    sampled = F.grid_sample(stacked, grid.flatten(0, 1), padding_mode="reflection", align_corners=False)
    colour, alpha = torch.split(sampled.view(B, L, 4, S, S), [3, 1], 2)
    alpha = alpha * inside

    homogeneous = torch.cat((grid, torch.ones_like(grid[..., :1])), 4)
    motion = torch.einsum("blij,blyxj->bliyx", layers.end - layers.start, homogeneous) * S / 2
    image, flow = colour[:, -1], motion[:, -1]
    for k in reversed(range(L - 1)):
        image = torch.lerp(image, colour[:, k], alpha[:, k])
        flow = torch.where(alpha[:, k] > 0.5, motion[:, k], flow)
    return image, torch.where(t == 1, -flow, flow)


def _inverse(affine: Tensor) -> Tensor:
    """The inverses of affine maps (..., 2, 3)."""
    linear = torch.linalg.inv(affine[..., :2])
    return torch.cat((linear, -linear @ affine[..., 2:]), -1)


def _motion(
    B: int, L: int, rng: np.random.Generator, motion_share: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The affine maps from texture to frame of every layer, in frame 0 and in frame 1, (B, L, 2, 3) each."""
    scale = np.exp(rng.uniform(math.log(0.5), math.log(1.2), (B, L)))
    angle = rng.uniform(-math.pi, math.pi, (B, L))
    centre = rng.uniform(-0.8, 0.8, (B, L, 2))
    # The cube of a uniform number makes most motion small. The background moves a third as far and covers the frame.
    amount = motion_share * rng.random((B, L)) ** 3
    amount[:, -1] /= 3
    scale[:, -1], centre[:, -1] = 1.2, 0
    direction = rng.uniform(-math.pi, math.pi, (B, L))
    step = 2 * LARGEST_SHIFT * amount[..., None] * np.stack((np.cos(direction), np.sin(direction)), 2)
    start = _affine(scale, angle, centre)
    end = _affine(
        scale * np.exp(amount * rng.uniform(-0.3, 0.3, (B, L))),
        angle + amount * rng.uniform(-0.5, 0.5, (B, L)),
        centre + step,
    )
    identity = np.broadcast_to(np.eye(2, 3), start[:, 0].shape)
    start[:, 0], end[:, 0] = identity, identity
    return start, end


def _affine(scale: NDArray[np.float64], angle: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Affine maps (..., 2, 3) that scale, rotate and then move the centre of a texture to `centre`."""
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    rows = [np.stack((cosine, -sine, centre[..., 0]), -1), np.stack((sine, cosine, centre[..., 1]), -1)]
    return np.stack(rows, -2)


def _square(frame: NDArray[np.uint8], side: int) -> Frames:
    """The middle square of a frame, resized to `side` x `side`."""
    height, width = frame.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    middle = frame[top : top + short, left : left + short]
    return np.asarray(cv2.resize(middle, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _object(size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A random shape (size, size) uint8, 0 at the border: a smooth blob, or in a third of the cases a few thin bars."""
    if rng.random() < 1 / 3:
        image = np.zeros((size, size), np.uint8)
        for _ in range(int(rng.integers(1, 5))):
            ends = rng.integers(size // 8, size - size // 8, (2, 2)).tolist()
            cv2.line(image, ends[0], ends[1], 255, int(rng.integers(1, max(2, size // 24) + 1)), cv2.LINE_AA)
        return image
    coarse = cv2.resize(rng.random((5, 5)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    radius = np.hypot(*np.meshgrid(*2 * [np.linspace(-1, 1, size)]))
    # The edge of the blob is about one pixel wide.
    return np.asarray(((coarse + 0.9 - 1.4 * radius - 0.5) * size / 2 + 0.5).clip(0, 1) * 255, np.uint8)


def _overlay(size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Random text (size, size) uint8, like a caption or a score; 255 is text."""
    image = np.zeros((size, size), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        text = "".join(chr(code) for code in rng.integers(ord("!"), ord("~"), int(rng.integers(3, 12))))
        corner = rng.integers(0, size, 2).tolist()
        scale = float(rng.uniform(0.3, 1.2)) * size / 256
        cv2.putText(image, text, corner, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, max(1, round(2 * scale)), cv2.LINE_AA)
    return image
