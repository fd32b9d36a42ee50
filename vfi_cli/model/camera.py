"""Motion of the camera: one affine map that much of a picture follows."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

LONG_ENOUGH = 300
"""Frames are halved until their short side is at most this many pixels."""

CORNERS = 200
"""Points that are tracked, at most."""

FEWEST = 20
"""Points without which no motion is claimed."""

TOLERANCE = 1.0
"""How far a point may be from where the map, or the way there and back, puts it, in pixels."""

SHARE = 0.3
"""Of the points must follow the map."""

STILL = 0.5
"""A map that moves no corner of the frame by more pixels is no motion."""


def camera_motion(luma_0: Array, luma_1: Array) -> Array | None:
    """The map (2, 3) from places (x, y, 1) in frame 0 to those in frame 1, in pixels; lumas (H, W) uint8.

    A guess: something large that moves may pass for the camera. None where there is too little to be seen, where
    everything moves for itself, or nothing does.
    """
    shrink = 2 ** max(0, math.ceil(math.log2(min(luma_0.shape) / LONG_ENOUGH)))
    size = (luma_0.shape[1] // shrink, luma_0.shape[0] // shrink)
    motion = _affine(*(cv2.resize(luma, size, interpolation=cv2.INTER_AREA) for luma in (luma_0, luma_1)))
    if motion is None:
        return None
    centre = (shrink - 1) / 2  # of a small pixel, in large ones
    motion[:, 2] = shrink * motion[:, 2] + centre * (1 - motion[:, :2].sum(1))
    H, W = luma_0.shape
    corners = np.array([[0, W, 0, W], [0, 0, H, H], [1, 1, 1, 1]])
    return motion if np.abs(motion @ corners - corners[:2]).max() > STILL else None


def carried_back(luma: Array, motion: Array) -> Array:
    """Frame 1 (H, W) as the camera would have seen it at frame 0; its border goes on."""
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(luma, motion, luma.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def flow_of(motion: Array, height: int, width: int, step: int = 1) -> Array:
    """The flow of every `step`-th pixel that follows the camera, (ceil(height / step), ceil(width / step), 2)."""
    columns, lines = np.arange(0, width, step), np.arange(0, height, step)
    flow = np.empty((len(lines), len(columns), 2), np.float32)
    for axis, (along_x, along_y, shift) in enumerate(motion - np.eye(2, 3)):
        across = (along_y * lines + shift).astype(np.float32)
        np.add((along_x * columns).astype(np.float32), across[:, None], out=flow[..., axis])
    return flow


def add_motion(flow: Array, motion: Array) -> Array:
    """Flow (H, W, 2) that is left between frame 0 and frame 1 `carried_back` -> the whole flow."""
    return cv2.transform(flow, motion[:, :2]) + flow_of(motion, *flow.shape[:2])


def _affine(luma_0: Array, luma_1: Array) -> Array | None:
    """The map that most of the corners follow, if there is one."""
    corners = cv2.goodFeaturesToTrack(luma_0, CORNERS, 0.01, 8)
    if corners is None or len(corners) < FEWEST:
        return None
    there = _track(luma_0, luma_1, corners)
    sure = np.abs(_track(luma_1, luma_0, there) - corners).max((1, 2)) < TOLERANCE
    if sure.sum() < FEWEST:
        return None
    motion, followers = cv2.estimateAffine2D(corners[sure], there[sure], ransacReprojThreshold=TOLERANCE)
    return motion if motion is not None and followers.sum() >= SHARE * len(corners) else None


def _track(luma_0: Array, luma_1: Array, points: Array) -> Array:
    """Where the points (N, 1, 2) of one frame are in the other; far away if they are lost."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(luma_0, luma_1, points, points.copy(), winSize=(15, 15), maxLevel=4)
    return np.where(found[..., None] > 0, there, np.float32(-1e6))
