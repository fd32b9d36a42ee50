from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from vfi_cli.engine.device import Runtime


class Blend:
    """Stands in for the network: the weighted mean of the two frames, and a record of what it was asked."""

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
    """Needs a moment for every frame."""

    def between(self, left: Tensor, right: Tensor, times: Sequence[float]) -> list[Tensor]:
        time.sleep(0.05)
        return super().between(left, right, times)


class Deadly(Blend):
    """Dies of a white frame, as of one that does not fit into the memory, and fails at a grey one."""

    def prepare(self, rgb: Tensor) -> Tensor:
        if rgb.mean() > 0.99:
            os.kill(os.getpid(), signal.SIGKILL)
        if rgb.std() < 0.01 and 0.4 < rgb.mean() < 0.6:
            raise ValueError("grey")
        return super().prepare(rgb)
