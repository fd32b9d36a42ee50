"""Generates frames between two frames. The features of a frame are computed once for both of its pairs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.profiler import record_function

from vfi_cli import weights
from vfi_cli.engine import routed
from vfi_cli.engine.alpha import as_rgb, mix_alpha
from vfi_cli.engine.device import OutOfMemoryError, Runtime, failures_of_the_device, resolve
from vfi_cli.engine.frames import crop, pad
from vfi_cli.engine.ranking import Ranking, by_router, choose_route
from vfi_cli.engine.tiling import can_split, in_tiles
from vfi_cli.model.apr import Aligned, Apr, Contexts, FrameFeatures
from vfi_cli.model.config import DYNAMIC_BLOCKS, Routing, check_routing
from vfi_cli.model.feature_flow import FeatureFlow

log = logging.getLogger(__name__)
T = TypeVar("T")

RECOMPILE_LIMIT = 64
"""Limit of compiled variants per function. All refine blocks share `forward`, so sizes and patch counts add up."""


class Prepared(NamedTuple):
    """A frame, prepared for `Interpolator.between`. Both pairs that contain the frame use it."""

    features: FrameFeatures
    height: int
    width: int
    alpha: Tensor | None = None  # (1, 1, H', W') opacity, padded like the frame

    @property
    def rgb(self) -> Tensor:
        """(3, H, W), or (4, H, W) with opacity."""
        image = self.features.image if self.alpha is None else torch.cat((self.features.image, self.alpha), 1)
        return crop(image, self.height, self.width)


class Warped(NamedTuple):
    """A pair of frames, warped to time t (0 is `left`, 1 is `right`). It does not depend on the route."""

    left: Prepared
    right: Prepared
    t: float
    aligned: Aligned
    contexts: Contexts


class Interpolator:
    """The network on a device. Not thread-safe.

    If the device has too little memory for a frame, `between` generates this and all later frames of the clip in tiles.

    Args:
        compiled: compile the convolutional modules with torch.compile. This takes some seconds at the first frame of a
            size, and again when the router first picks another number of patches. From then on the number is dynamic.

    Attributes:
        route_shares: mean share of patches that ran each dynamic block, over the frames of the clip so far. It
            includes the padding of `routed.route_from_scores`.
    """

    def __init__(self, network: Apr, runtime: Runtime, routing: Routing = "router", *, compiled: bool = False) -> None:
        check_routing(routing)
        self.network = network.to(runtime.device)
        # Coordinates, blending, and flow outside of the convolutions stay in float32.
        for part in network.convolutional():
            part.to(dtype=runtime.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if compiled:
            _compile(self.network)
        self.runtime = runtime
        self.routing = routing
        self.route_shares: tuple[float, ...]
        self._generated: int
        self._tiles: int
        self._last: tuple[routed.Route, int, int] | None
        self.begin_clip()

    @property
    def device(self) -> torch.device:
        return self.runtime.device

    def begin_clip(self) -> None:
        """Reset the route statistics and the tiles."""
        self.route_shares = (0.0,) * DYNAMIC_BLOCKS
        self._generated = 0
        self._last = None
        self._tiles = 1  # per side

    @property
    def last_routes(self) -> NDArray[np.bool_]:
        """Which blocks each patch ran in the last generated frame, or in its last tile: (n_h, n_w, d)."""
        if self._last is None:
            return np.zeros((0, 0, DYNAMIC_BLOCKS), bool)
        route, rows, columns = self._last
        ran = routed.as_map(route, rows * columns, self.device)
        return ran.view(rows, columns, len(route)).cpu().numpy()

    @torch.inference_mode()
    def prepare(self, rgb: Tensor) -> Prepared:
        """Extract the features of a frame (3, H, W), float32 RGB in [0, 1]; (4, H, W) with opacity."""
        return self._within_memory(
            rgb, lambda: self._prepare(rgb.to(self.device, non_blocking=True), extract=self._tiles == 1)
        )

    @torch.inference_mode()
    def between(self, left: Prepared, right: Prepared, times: Sequence[float]) -> list[Tensor]:
        """The frames at `times`, each (3, H, W) float32 RGB, not clamped; (4, H, W) if both frames have opacity.

        The flow is estimated once for all times.

        Args:
            times: in (0, 1); 0 is `left`, 1 is `right`.
        """

        def whole(left: Prepared, right: Prepared) -> list[Tensor]:
            flow = self._flow(left, right)
            return [self._generate(self._warp(left, right, flow, float(t)), self.routing, by_router) for t in times]

        def tile(left: Tensor, right: Tensor) -> list[Tensor]:
            return whole(self._prepare(left), self._prepare(right))

        def work() -> list[Tensor]:
            return whole(left, right) if self._tiles == 1 else in_tiles(left.rgb, right.rgb, self._tiles, tile)

        return self._within_memory(left.features.image, work)

    @torch.inference_mode()
    def warp(self, left: Prepared, right: Prepared, t: float) -> Warped:
        """The first half of `between`, for one time. Several routes can be tried on its result. Never in tiles."""
        with failures_of_the_device():
            if self._tiles > 1:
                raise OutOfMemoryError
            return self._warp(left, right, self._flow(left, right), t)

    @torch.inference_mode()
    def generate(self, warped: Warped, routing: Routing, ranking: Ranking = by_router) -> Tensor:
        """The second half of `between`: the frame for a routing, (3, H, W) or (4, H, W), see `between`.

        `ranking` scores the patches, see `choose_route`.
        """
        with failures_of_the_device():
            return self._generate(warped, routing, ranking)

    def _within_memory(self, rgb: Tensor, work: Callable[[], T]) -> T:
        """Call `work` on frames of the size of `rgb`, with smaller tiles after each OutOfMemoryError.

        Raises OutOfMemoryError if the tiles cannot get smaller.
        """
        while True:
            try:
                with failures_of_the_device():
                    return work()
            except OutOfMemoryError:
                height, width = rgb.shape[-2:]
                if not can_split(height, width, 2 * self._tiles):
                    raise
            # Retry after the except block: inside it, the error keeps the tensors of the failed attempt alive.
            self._tiles *= 2
            log.warning("out of memory: from here on, frames are made in tiles, %d x %d", self._tiles, self._tiles)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def _prepare(self, rgb: Tensor, *, extract: bool = True) -> Prepared:
        channels, height, width = rgb.shape
        multiple = self.network.multiple(height, width)
        with record_function("vfi::prepare"):
            image = pad(rgb[:3], multiple)
            # DIS runs on the CPU, and a GPU would have to wait for it.
            search = self.device.type == "cpu"
            features = (
                self.network.extract_features(image, search=search) if extract else FrameFeatures(image, [], [], [], [])
            )
            return Prepared(features, height, width, pad(rgb[3:], multiple) if channels == 4 else None)

    def _flow(self, left: Prepared, right: Prepared) -> Tensor:
        with record_function("vfi::flow"):
            return self.network.estimate_flow(left.features, right.features)

    def _warp(self, left: Prepared, right: Prepared, flow: Tensor, t: float) -> Warped:
        with record_function("vfi::warp"):
            return Warped(left, right, t, *self.network.warp(left.features, right.features, flow, t))

    def _generate(self, warped: Warped, routing: Routing, ranking: Ranking) -> Tensor:
        network = self.network
        left, right, t, aligned, contexts = warped
        with record_function("vfi::route"):
            route = choose_route(network, aligned, routing, ranking)
            rows, columns = (size // network.config.patch for size in aligned.flow.shape[-2:])
            self._note(route, rows, columns)
        with record_function("vfi::refine"):
            total = routed.synthesize(network.synthesis, contexts, route)
        with record_function("vfi::blend"):
            packed = network.synthesis.predict(total)
            frame = network.blend(packed, aligned, left.features.image, right.features.image, t)
        if left.alpha is not None and right.alpha is not None:
            alphas = network.warp_like(as_rgb(left.alpha), as_rgb(right.alpha), aligned, t)
            frame = torch.cat((frame, mix_alpha(*alphas, t)), 1)
        return crop(frame, left.height, left.width)

    def _note(self, route: routed.Route, rows: int, columns: int) -> None:
        self._generated += 1
        self._last = route, rows, columns
        shares = routed.share(route, rows * columns)
        self.route_shares = tuple(
            mean + (now - mean) / self._generated for mean, now in zip(self.route_shares, shares, strict=True)
        )


def _compile(network: Apr) -> None:
    """Compile the modules one by one, because routing gathers and scatters patches between them."""
    import torch._dynamo as dynamo

    log.info("compiling the network: the first frame of a size takes up to a minute")
    dynamo.config.suppress_errors = True  # without a C compiler, the modules run uncompiled
    dynamo.config.recompile_limit = max(dynamo.config.recompile_limit, RECOMPILE_LIMIT)
    flow: list[nn.Module] = [network.flow]
    if isinstance(network.flow, FeatureFlow) and network.intermediate is not None:
        flow += [*network.flow.encoder, network.intermediate]  # its encoder runs outside of its `forward`
    for part in [*flow, network.context, network.router, network.synthesis.static, *network.synthesis.dynamic]:
        part.compile()


def load_interpolator(
    model: str = "lite", device: str = "auto", precision: str = "auto", routing: Routing = "router"
) -> Interpolator:
    """Build an interpolator from names; it is compiled on CUDA.

    Args:
        model: a shipped model or a weights file, see `weights.find`.
        device, precision: see `device.resolve`.
        routing: see `model.config.Routing`.

    Raises:
        ModelError: the weights are missing or damaged.
        DeviceError: the device or precision is not available.
        UsageError: a device, precision or routing makes no sense.
    """
    runtime = resolve(device, precision)
    return Interpolator(weights.load(model), runtime, routing, compiled=runtime.device.type == "cuda")
