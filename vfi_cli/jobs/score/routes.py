"""Writes a clip under its route maps, which show how many dynamic blocks each patch runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vfi_cli.engine.frames import to_frame, to_tensor
from vfi_cli.engine.interpolator import Interpolator, load_interpolator
from vfi_cli.errors import InputError
from vfi_cli.jobs.interp.convert import to_planes, to_rgb
from vfi_cli.jobs.interp.plan import InterpJob, make_plan
from vfi_cli.jobs.interp.summary import DAMAGED, Progress
from vfi_cli.jobs.score.route_overlay import draw_routes
from vfi_cli.model.config import DYNAMIC_BLOCKS, Routing
from vfi_cli.video.types import PlaneFormat, VideoFrame
from vfi_cli.video.write.open_output import open_location, open_writer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesJob:
    """What to draw.

    Args:
        routing: which patches run a dynamic block.
        start, stop: the part of the clip to use, in seconds from its first frame.
        overwrite: replace an existing target.
    """

    source: Path
    target: Path
    model: str = "lite"
    routing: Routing = "router"
    device: str = "auto"
    precision: str = "auto"
    start: Fraction = Fraction(0)
    stop: Fraction | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        self.silent()

    def silent(self) -> InterpJob:
        """The interpolation job that writes the same clip without its other streams."""
        return InterpJob(
            source=self.source,
            target=self.target,
            model=self.model,
            routing=self.routing,
            device=self.device,
            precision=self.precision,
            start=self.start,
            stop=self.stop,
            audio=False,
            subtitles=False,
            data=False,
            overwrite=self.overwrite,
        )


@dataclass(frozen=True, slots=True)
class RoutesSummary:
    """The result. `shares` is the share of all patches that ran each dynamic block, in [0, 1]."""

    target: Path
    frames: int
    damaged: int
    shares: tuple[float, ...]

    @property
    def exit_code(self) -> int:
        return DAMAGED if self.damaged else 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "target": str(self.target),
            "frames": self.frames,
            "damaged": self.damaged,
            "block_shares": list(self.shares),
        }


def run(job: RoutesJob, report: Callable[[Progress], None]) -> RoutesSummary:
    """Write the clip without audio, at its own frame times, with the route map of each pair over its left frame.

    Raises:
        UsageError: the options do not fit this clip.
        InputError: the source cannot be read, or has a single frame.
        OutputError: the target cannot be written.
        ModelError: the model or the device is not available.
    """
    begin = time.monotonic()
    plan = make_plan(job.silent(), multiple=1)
    with open_location(plan.encode, source=job.source, overwrite=job.overwrite) as target:
        for warning in plan.warnings():
            log.warning("%s: %s", job.source, warning)
        mapper = RouteMapper(load_interpolator(job.model, job.device, job.precision, job.routing), plan.encode.format)
        with (
            plan.source.decode(plan.clip, job.start or None, job.stop) as decoder,
            open_writer(target.temp_path, plan.encode) as encoder,
        ):
            for frame in mapper.draw(plan.shown(decoder)):
                encoder.write(frame)
                seconds = time.monotonic() - begin
                report(Progress(encoder.frames, encoder.frames, plan.frames, seconds, mapper.shares))
        for note in decoder.notes:
            log.warning("%s: %s", job.source, note)
        if not encoder.frames:
            raise InputError("a route map needs a pair of frames, and there are fewer than two", path=job.source)
        encoder.verify()
        target.commit()
    return RoutesSummary(job.target, encoder.frames, decoder.damaged, mapper.shares)


class RouteMapper:
    """Draws route maps on frames, and returns them in the pixel format `format`."""

    def __init__(self, interpolator: Interpolator, format: PlaneFormat) -> None:
        self._interpolator = interpolator
        self._format = format
        self._pairs = 0
        self._share_sums: NDArray[np.float64] = np.zeros(DYNAMIC_BLOCKS)

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of the patches that ran each dynamic block, in [0, 1], averaged over the pairs so far."""
        return tuple((self._share_sums / max(1, self._pairs)).tolist())

    def draw(self, frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
        """Yield each frame under the route map of the frame half way to the next one.

        The last frame repeats the map before it. A single frame yields nothing.
        """
        prepared = ((frame, self._interpolator.prepare(to_rgb(frame))) for frame in frames)
        last: VideoFrame | None = None
        for (frame, left), (following, right) in pairwise(prepared):
            last = following
            self._interpolator.between(left, right, (0.5,))
            self._pairs += 1
            self._share_sums += self._interpolator.last_routes.mean((0, 1))
            yield self._under_routes(frame)
        if last is not None:
            yield self._under_routes(last)

    def _under_routes(self, frame: VideoFrame) -> VideoFrame:
        routes = self._interpolator.last_routes
        drawn = draw_routes(to_frame(to_rgb(frame)), routes, self._interpolator.network.config.patch)
        planes = to_planes(to_tensor(drawn), self._format, frame.color)
        return replace(frame, planes=planes, format=self._format)
