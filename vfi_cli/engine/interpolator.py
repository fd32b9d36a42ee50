"""A pair of frames and some times -> the frames between. What the next pair can reuse is computed once."""

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
from vfi_cli.engine.alpha import as_picture, mix_alpha
from vfi_cli.engine.device import OutOfMemoryError, Runtime, failures_of_the_device, resolve
from vfi_cli.engine.frames import crop, pad
from vfi_cli.engine.ranking import Ranking, by_router, choose_route
from vfi_cli.engine.tiling import in_tiles, splits
from vfi_cli.model.apr import Aligned, Apr, Contexts, FrameFeatures
from vfi_cli.model.config import DYNAMIC_BLOCKS, Routing, check_routing
from vfi_cli.model.feature_flow import FeatureFlow

log = logging.getLogger(__name__)
T = TypeVar("T")

RECOMPILE_LIMIT = 64
"""The refine blocks share their code: sizes, and fixed and changing patch counts, add up."""


class Prepared(NamedTuple):
    """A frame as `Interpolator.between` takes it; belongs to two pairs."""

    described: FrameFeatures
    height: int
    width: int
    alpha: Tensor | None = None  # (1, 1, H', W') opacity, padded like the frame

    @property
    def rgb(self) -> Tensor:
        """(3, H, W), or (4, H, W) with opacity."""
        image = self.described.image if self.alpha is None else torch.cat((self.described.image, self.alpha), 1)
        return crop(image, self.height, self.width)


class Warped(NamedTuple):
    """A pair of frames at the time t: what all routes have in common."""

    left: Prepared
    right: Prepared
    t: float
    aligned: Aligned
    contexts: Contexts


class Interpolator:
    """The network on a device. Not for several threads at once.

    compiled: hand the convolutional parts to torch.compile. It costs some seconds at the first frame of a size, and
    as much again when the router first picks another number of patches; from then on that number is dynamic.

    Where the device has too little memory for a frame, `between` makes those of the clip in tiles from then on.

    route_shares: running mean, over the generated frames, of the share of patches that ran each dynamic block.
    """

    def __init__(self, network: Apr, runtime: Runtime, routing: Routing = "router", *, compiled: bool = False) -> None:
        check_routing(routing)
        self.network = network.to(runtime.device)
        # Flow outside the convolutions, coordinates and blending stay in float32.
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
        """Forget the routes of the frames so far."""
        self.route_shares = (0.0,) * DYNAMIC_BLOCKS
        self._generated = 0
        self._last = None
        self._tiles = 1  # along either side

    @property
    def last_routes(self) -> NDArray[np.bool_]:
        """The blocks that each patch ran in the last generated frame, or in its last tile: (n_h, n_w, d)."""
        if self._last is None:
            return np.zeros((0, 0, DYNAMIC_BLOCKS), bool)
        route, rows, columns = self._last
        ran = routed.as_map(route, rows * columns, self.device)
        return ran.view(rows, columns, len(route)).cpu().numpy()

    @torch.inference_mode()
    def prepare(self, rgb: Tensor) -> Prepared:
        """A frame (3, H, W), float32 RGB in [0, 1]; (4, H, W) with opacity, which moves as the colours do."""
        return self._within_memory(
            rgb, lambda: self._prepare(rgb.to(self.device, non_blocking=True), describe=self._tiles == 1)
        )

    @torch.inference_mode()
    def between(self, left: Prepared, right: Prepared, times: Sequence[float]) -> list[Tensor]:
        """The frames at `times` in (0, 1), 0 being `left`: each (3, H, W) float32 RGB, not clamped.

        With opacity in both, each is (4, H, W). The flow is estimated once for all times.
        """

        def whole(left: Prepared, right: Prepared) -> list[Tensor]:
            flow = self._flow(left, right)
            return [self._generate(self._warp(left, right, flow, float(t)), self.routing, by_router) for t in times]

        def tile(left: Tensor, right: Tensor) -> list[Tensor]:
            return whole(self._prepare(left), self._prepare(right))

        def work() -> list[Tensor]:
            return whole(left, right) if self._tiles == 1 else in_tiles(left.rgb, right.rgb, self._tiles, tile)

        return self._within_memory(left.described.image, work)

    @torch.inference_mode()
    def warp(self, left: Prepared, right: Prepared, t: float) -> Warped:
        """The first half of `between`, for one time: on what several routes can be tried. Never in tiles."""
        with failures_of_the_device():
            if self._tiles > 1:
                raise OutOfMemoryError
            return self._warp(left, right, self._flow(left, right), t)

    @torch.inference_mode()
    def generate(self, warped: Warped, routing: Routing, ranking: Ranking = by_router) -> Tensor:
        """The second half of `between`: the frame, by the patches that `routing` passes in the order of `ranking`."""
        with failures_of_the_device():
            return self._generate(warped, routing, ranking)

    def _within_memory(self, rgb: Tensor, work: Callable[[], T]) -> T:
        """Does `work` on frames like `rgb`, with smaller tiles as long as it takes more memory than there is."""
        while True:
            try:
                with failures_of_the_device():
                    return work()
            except OutOfMemoryError:
                height, width = rgb.shape[-2:]
                if not splits(height, width, 2 * self._tiles):
                    raise
            # Only here is the error gone, which held on to everything that the attempt had computed.
            self._tiles *= 2
            log.warning("out of memory: frames are made in tiles, %d x %d, from here on", self._tiles, self._tiles)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def _prepare(self, rgb: Tensor, *, describe: bool = True) -> Prepared:
        channels, height, width = rgb.shape
        multiple = self.network.multiple(height, width)
        with record_function("vfi::prepare"):
            image = pad(rgb[:3], multiple)
            # The search runs on the CPU: a GPU would wait for it.
            search = self.device.type == "cpu"
            described = (
                self.network.describe(image, search=search) if describe else FrameFeatures(image, [], [], [], [])
            )
            return Prepared(described, height, width, pad(rgb[3:], multiple) if channels == 4 else None)

    def _flow(self, left: Prepared, right: Prepared) -> Tensor:
        with record_function("vfi::flow"):
            return self.network.estimate_flow(left.described, right.described)

    def _warp(self, left: Prepared, right: Prepared, flow: Tensor, t: float) -> Warped:
        with record_function("vfi::warp"):
            return Warped(left, right, t, *self.network.warp(left.described, right.described, flow, t))

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
            frame = network.blend(packed, aligned, left.described.image, right.described.image, t)
        if left.alpha is not None and right.alpha is not None:
            moved = network.move(as_picture(left.alpha), as_picture(right.alpha), aligned, t)
            frame = torch.cat((frame, mix_alpha(*moved, t)), 1)
        return crop(frame, left.height, left.width)

    def _note(self, route: routed.Route, rows: int, columns: int) -> None:
        self._generated += 1
        self._last = route, rows, columns
        shares = routed.share(route, rows * columns)
        self.route_shares = tuple(
            mean + (now - mean) / self._generated for mean, now in zip(self.route_shares, shares, strict=True)
        )


def _compile(network: Apr) -> None:
    """Each part by itself: between them, routing gathers and scatters patches."""
    import torch._dynamo as dynamo

    log.info("compiling the network: the first frame of a size takes up to a minute")
    dynamo.config.suppress_errors = True  # without a C compiler the parts run as they are
    dynamo.config.recompile_limit = max(dynamo.config.recompile_limit, RECOMPILE_LIMIT)
    flow: list[nn.Module] = [network.flow]
    if isinstance(network.flow, FeatureFlow) and network.intermediate is not None:
        flow += [*network.flow.encoder, network.intermediate]  # its encoder runs outside of its forward
    for part in [*flow, network.context, network.router, network.synthesis.static, *network.synthesis.dynamic]:
        part.compile()


def build(
    model: str = "lite", device: str = "auto", precision: str = "auto", routing: Routing = "router"
) -> Interpolator:
    """An interpolator from names: a shipped model or a weights file, a device, a precision; compiled on CUDA.

    Raises ModelError, DeviceError or UsageError.
    """
    runtime = resolve(device, precision)
    return Interpolator(weights.load(model), runtime, routing, compiled=runtime.device.type == "cuda")
