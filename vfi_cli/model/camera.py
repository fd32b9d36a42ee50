"""Motion of the camera: one affine map that most of a picture follows."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

CORNERS = 400
"""Points that are tracked, at most."""

FEWEST = 20
"""Points without which no motion is claimed."""

TOLERANCE = 1.0
"""How far a point may be from where the map, or the way there and back, puts it, in pixels."""

SHARE = 0.3
"""Of the points must follow the map."""

LONG_ENOUGH = 600
"""Frames are halved until their short side is at most this many pixels."""

GAIN = 0.85
"""The map must bring the difference of the frames down to this share of it."""


def camera_motion(luma_0: Array, luma_1: Array) -> Array | None:
    """The map (2, 3) from places (x, y, 1) in frame 0 to those in frame 1, in pixels; lumas (H, W) uint8.

    None where no map explains the pair: little to be seen, everything moving for itself, or nothing at all.
    """
    shrink = 2 ** max(0, math.ceil(math.log2(min(luma_0.shape) / LONG_ENOUGH)))
    size = (luma_0.shape[1] // shrink, luma_0.shape[0] // shrink)
    small_0, small_1 = (cv2.resize(luma, size, interpolation=cv2.INTER_AREA) for luma in (luma_0, luma_1))
    motion = _affine(small_0, small_1)
    if motion is None or _difference(small_0, carried_back(small_1, motion)) >= GAIN * _difference(small_0, small_1):
        return None
    centre = (shrink - 1) / 2  # of a small pixel, in large ones
    motion[:, 2] = shrink * motion[:, 2] + centre * (1 - motion[:, :2].sum(1))
    return motion


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


def carried_back(luma: Array, motion: Array) -> Array:
    """Frame 1 (H, W) as the camera would have seen it at frame 0; its border goes on."""
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(luma, motion, luma.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def add_motion(flow: Array, motion: Array) -> Array:
    """Flow (H, W, 2) that is left between frame 0 and frame 1 `carried_back` -> the whole flow."""
    turn, shift = motion[:, :2], motion[:, 2]
    whole = cv2.transform(flow, turn)
    H, W, _ = flow.shape
    for axis in range(2):
        along_x, along_y = turn[axis] - np.eye(2)[axis]
        whole[..., axis] += (along_x * np.arange(W)).astype(np.float32)
        whole[..., axis] += (along_y * np.arange(H) + shift[axis]).astype(np.float32)[:, None]
    return whole


def _difference(luma_0: Array, luma_1: Array) -> float:
    return cv2.norm(luma_0, luma_1, cv2.NORM_L1)


def _track(luma_0: Array, luma_1: Array, points: Array) -> Array:
    """Where the points (N, 1, 2) of one frame are in the other; far away if they are lost."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(luma_0, luma_1, points, points.copy(), winSize=(15, 15), maxLevel=4)
    return np.where(found[..., None] > 0, there, np.float32(-1e6))
