from __future__ import annotations

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
