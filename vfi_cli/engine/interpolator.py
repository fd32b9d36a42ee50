"""A pair of frames and some times -> the frames between. What the next pair can reuse is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vfi_cli import weights
from vfi_cli.engine import routed
from vfi_cli.engine.device import Runtime, resolve
from vfi_cli.engine.frames import crop, pad
from vfi_cli.model.apr import Apr, Described
from vfi_cli.model.config import DYNAMIC_BLOCKS
from vfi_cli.model.router import score
from vfi_cli.ops.compose import blend

Routing = tuple[float, ...] | Literal["router"] | None
"""Which patches run a dynamic block: those the router passes, the best of a budget (a keep ratio per block; the
router orders the patches), or all (None, the static network)."""


class Prepared(NamedTuple):
    """A frame as `Interpolator.between` takes it; belongs to two pairs."""

    described: Described
    height: int
    width: int


class Interpolator:
    """The network on a device. One thread at a time.

    route_shares: running mean of the share of patches that ran each dynamic block.
    last_routes: bool (n_h, n_w, d), the blocks that each patch ran in the last generated frame.
    """

    def __init__(self, network: Apr, runtime: Runtime, routing: Routing = "router") -> None:
        self.network = network.to(runtime.device, memory_format=torch.channels_last)
        # Flow, coordinates and blending stay in float32.
        for part in (network.context, network.router, network.synthesis):
            part.to(runtime.dtype)
        self.runtime = runtime
        self.routing = routing
        self.route_shares: tuple[float, ...] = (0.0,) * DYNAMIC_BLOCKS
        self.last_routes: NDArray[np.bool_] = np.zeros((0, 0, DYNAMIC_BLOCKS), bool)
        self._frames = 0

    @property
    def device(self) -> torch.device:
        return self.runtime.device

    @torch.inference_mode()
    def prepare(self, rgb: Tensor) -> Prepared:
        """A frame (3, H, W), float32 RGB in [0, 1]."""
        _, height, width = rgb.shape
        padded = pad(rgb.to(self.runtime.device, non_blocking=True), self.network.multiple(height, width))
        return Prepared(self.network.describe(padded), height, width)

    @torch.inference_mode()
    def between(self, left: Prepared, right: Prepared, times: Sequence[float]) -> list[Tensor]:
        """The frames at `times` in (0, 1), 0 being `left`: each (3, H, W) float32 RGB, not clamped.

        The flow is estimated once for all times.
        """
        flow = self.network.estimate_flow(left.described, right.described)
        return [crop(self._at(left.described, right.described, flow, t), left.height, left.width) for t in times]

    def _at(self, left: Described, right: Described, flow: Tensor, t: float) -> Tensor:
        aligned, contexts = self.network.warp(left, right, flow, t)
        P = (flow.shape[2] // self.network.config.patch) * (flow.shape[3] // self.network.config.patch)
        if self.routing is None:
            route: list[Tensor | None] = [None] * DYNAMIC_BLOCKS
        else:
            scores = score(self.network.route_logits(aligned, flow))
            route = (
                routed.route_from_scores(scores)
                if self.routing == "router"
                else routed.route_from_ratios(scores, self.routing)
            )
        self._note(route, P, flow)
        total = routed.synthesize(self.network.synthesis, contexts, route)
        packed = self.network.synthesis.predict(total)
        return blend(packed, self.network.candidates(aligned, left.image, right.image), t)

    def _note(self, route: routed.Route, patches: int, flow: Tensor) -> None:
        self._frames += 1
        shares = routed.share(route, patches)
        self.route_shares = tuple(
            mean + (now - mean) / self._frames for mean, now in zip(self.route_shares, shares, strict=True)
        )
        columns = flow.shape[3] // self.network.config.patch
        self.last_routes = routed.as_map(route, patches, flow.device).cpu().numpy().reshape(-1, columns, len(route))


def build(
    model: str = "lite", device: str = "auto", precision: str = "auto", routing: Routing = "router"
) -> Interpolator:
    """An interpolator from names: a shipped model or a weights file, a device, a precision.

    Raises ModelError, DeviceError or UsageError.
    """
    runtime = resolve(device, precision)
    return Interpolator(weights.load(model), runtime, routing)
