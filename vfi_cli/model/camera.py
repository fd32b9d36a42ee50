"""Camera motion: one affine map that a large part of the frame follows."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

MAX_SHORT_SIDE = 300
"""Frames are halved until their short side is at most this many pixels."""

MAX_CORNERS = 200
"""Largest number of corners that are tracked."""

MIN_CORNERS = 20
"""Smallest number of corners that must be found, and that must be tracked consistently."""

TOLERANCE = 1.0
"""Largest error of a corner, in pixels: after tracking it forward and backward, and against the affine map."""

MIN_INLIERS = 0.3
"""Share of the corners that must follow the map."""

MIN_MOTION = 0.5
"""In pixels. If the map moves every corner of the frame by this or less, it counts as no motion."""


def camera_motion(luma_0: Array, luma_1: Array) -> Array | None:
    """The affine map (2, 3) from points (x, y, 1) of frame 0 to points (x, y) of frame 1, in pixels.

    This is a guess: a large moving object may be taken for the camera.

    Args:
        luma_0, luma_1: (H, W) uint8.

    Returns:
        None if the frame has too little texture, if no map fits enough corners, or if nothing moves.
    """
    shrink = 2 ** max(0, math.ceil(math.log2(min(luma_0.shape) / MAX_SHORT_SIDE)))
    size = (luma_0.shape[1] // shrink, luma_0.shape[0] // shrink)
    motion = _affine(*(cv2.resize(luma, size, interpolation=cv2.INTER_AREA) for luma in (luma_0, luma_1)))
    if motion is None:
        return None
    centre = (shrink - 1) / 2  # of the first pixel of the shrunken frame, in pixels of the frame
    motion[:, 2] = shrink * motion[:, 2] + centre * (1 - motion[:, :2].sum(1))
    H, W = luma_0.shape
    corners = np.array([[0, W, 0, W], [0, 0, H, H], [1, 1, 1, 1]])
    return motion if np.abs(motion @ corners - corners[:2]).max() > MIN_MOTION else None


def warp_back(luma: Array, motion: Array) -> Array:
    """Frame 1 (H, W), warped to the camera position of frame 0. Border pixels are repeated."""
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(luma, motion, luma.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def camera_flow(motion: Array, height: int, width: int, step: int = 1) -> Array:
    """Flow (dx, dy) of a camera motion from frame 0 to frame 1, at every `step`-th row and column.

    Args:
        motion: affine map (2, 3), see `camera_motion`.

    Returns:
        (ceil(height / step), ceil(width / step), 2) float32, in pixels of the frame.
    """
    x, y = np.arange(0, width, step), np.arange(0, height, step)
    flow = np.empty((len(y), len(x), 2), np.float32)
    for axis, (per_x, per_y, shift) in enumerate(motion - np.eye(2, 3)):
        of_row = (per_y * y + shift).astype(np.float32)
        np.add((per_x * x).astype(np.float32), of_row[:, None], out=flow[..., axis])
    return flow


def add_motion(flow: Array, motion: Array) -> Array:
    """Flow (H, W, 2) from frame 0 to the result of `warp_back` -> flow (H, W, 2) from frame 0 to frame 1."""
    return cv2.transform(flow, motion[:, :2]) + camera_flow(motion, *flow.shape[:2])


def _affine(luma_0: Array, luma_1: Array) -> Array | None:
    """The affine map (2, 3) from frame 0 to frame 1, or None if fewer than `MIN_INLIERS` of the corners follow it."""
    corners = cv2.goodFeaturesToTrack(luma_0, MAX_CORNERS, 0.01, 8)
    if corners is None or len(corners) < MIN_CORNERS:
        return None
    tracked = _track(luma_0, luma_1, corners)
    consistent = np.abs(_track(luma_1, luma_0, tracked) - corners).max((1, 2)) < TOLERANCE
    if consistent.sum() < MIN_CORNERS:
        return None
    motion, inliers = cv2.estimateAffine2D(corners[consistent], tracked[consistent], ransacReprojThreshold=TOLERANCE)
    return motion if motion is not None and inliers.sum() >= MIN_INLIERS * len(corners) else None


def _track(luma_0: Array, luma_1: Array, points: Array) -> Array:
    """Positions (x, y) in frame 1 of the points (N, 1, 2) of frame 0; a lost point gets one far outside."""
    tracked, found, _ = cv2.calcOpticalFlowPyrLK(luma_0, luma_1, points, points.copy(), winSize=(15, 15), maxLevel=4)
    return np.where(found[..., None] > 0, tracked, np.float32(-1e6))
