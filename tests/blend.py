"""Simple stand-ins for the network, which is too slow for most tests."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from vfi_cli.engine.device import Runtime


class Blend:
    """Computes the weighted mean of the two frames, and records the calls.

    Attributes:
        prepared: number of frames that were prepared.
        asked: the times of each call of `between`.
    """

    runtime = Runtime(torch.device("cpu"), torch.float32)
    route_shares = (0.1, 0.4, 0.6, 0.9)

    def __init__(self) -> None:
        self.prepared = 0
        self.asked: list[list[float]] = []

    def begin_clip(self) -> None:
        pass

    def prepare(self, rgb: Tensor) -> Tensor:
        self.prepared += 1
        return rgb

    def between(self, left: Tensor, right: Tensor, times: Sequence[float]) -> list[Tensor]:
        self.asked.append(list(times))
        return [torch.lerp(left, right, t) for t in times]


class Slow(Blend):
    """A `Blend` that takes 0.05 s for each pair of frames."""

    def between(self, left: Tensor, right: Tensor, times: Sequence[float]) -> list[Tensor]:
        time.sleep(0.05)
        return super().between(left, right, times)


class Deadly(Blend):
    """A `Blend` whose process dies at a white frame, as if memory ran out, and that raises ValueError at a grey one."""

    def prepare(self, rgb: Tensor) -> Tensor:
        if rgb.mean() > 0.99:
            os.kill(os.getpid(), signal.SIGKILL)
        if rgb.std() < 0.01 and 0.4 < rgb.mean() < 0.6:
            raise ValueError("grey")
        return super().prepare(rgb)
