"""The recurrent flow pyramid of EBME (WACV 2023), computed one filter tap or one pixel at a time, in float64."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from tests.oracles.correlation import cost_volume
from tests.oracles.splat import average_splat


def convolve(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int = 1) -> np.ndarray:
    """(C, H, W) -> (O, ceil(H / stride), ceil(W / stride)), with zeros outside of the image."""
    _, _, kernel, _ = weight.shape
    _, H, W = x.shape
    edge = kernel // 2
    padded = np.pad(x, ((0, 0), (edge, edge), (edge, edge)))
    out = np.zeros((len(weight), -(-H // stride), -(-W // stride))) + bias[:, None, None]
    for dy in range(kernel):
        for dx in range(kernel):
            shifted = padded[:, dy : dy + H : stride, dx : dx + W : stride]
            out += np.tensordot(weight[:, :, dy, dx].astype(np.float64), shifted, 1)
    return out


def leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.1 * x)


def resize(x: np.ndarray, factor: float) -> np.ndarray:
    """Bilinear resize; pixel centres are at half integers, and the border is repeated."""

    def line(values: np.ndarray, axis: int) -> np.ndarray:
        size = values.shape[axis]
        parts = []
        for k in range(round(size * factor)):
            place = min(max((k + 0.5) / factor - 0.5, 0), size - 1)
            first = min(math.floor(place), size - 1)
            second = min(first + 1, size - 1)
            share = place - first
            parts.append((1 - share) * values.take(first, axis) + share * values.take(second, axis))
        return np.stack(parts, axis)

    return line(line(x, 1), 2)


def flow(frame_0: np.ndarray, frame_1: np.ndarray, levels: int, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Frames (3, H, W) -> flow_01, flow_10 (4, H, W) in pixels. The names of the weights are those of `FlowNet`."""

    def layer(name: str, x: np.ndarray, stride: int = 1) -> np.ndarray:
        return convolve(x, weights[name + ".weight"], weights[name + ".bias"], stride)

    def encode(frame: np.ndarray) -> np.ndarray:
        x = frame
        for stage, convs in ((0, 3), (1, 6)):
            for k in range(convs):
                x = leaky(layer(f"encoder.{stage}.{2 * k}", x, 1 if k else 2))
        return x

    answer = carried = np.zeros(0)
    for level in reversed(range(levels)):
        left, right = resize(frame_0, 0.5**level), resize(frame_1, 0.5**level)
        if level == levels - 1:
            quarter = (left.shape[1] // 4, left.shape[2] // 4)
            answer, carried = np.zeros((4, *quarter)), np.zeros((64, *quarter))
        else:
            answer, carried = 2 * resize(answer, 2), resize(carried, 2)
            half_way = resize(answer, 4) / 2
            left, _ = average_splat(left, half_way[:2])
            right, _ = average_splat(right, half_way[2:])
        feature_0, feature_1 = encode(left), encode(right)
        x = np.concatenate((leaky(cost_volume(feature_0, feature_1, 4)), feature_0, feature_1, carried, answer))
        for k in range(5):
            x = leaky(layer(f"estimator.{2 * k}", x))
        answer, carried = layer("to_flow", x), x
    return resize(answer, 4)
