"""Measures seconds, operations and memory per generated frame, static and routed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch

from vfi_cli.engine.frames import Frame, to_tensor
from vfi_cli.engine.interpolator import Interpolator, load_interpolator
from vfi_cli.errors import InputError, UsageError
from vfi_cli.measure import memory
from vfi_cli.measure.flops import Cost, count_cost
from vfi_cli.measure.profile import stage_seconds
from vfi_cli.model.config import PAPER_KEEP_RATIOS, check_routing

Size = tuple[int, int]
"""(width, height) in pixels."""

SIZES: tuple[Size, ...] = ((640, 360), (1280, 720), (1920, 1080))
FRAMES = 5
"""Number of input frames. They are played forwards and backwards, so every pair is a pair of adjacent frames."""


@dataclass(frozen=True, slots=True)
class BenchJob:
    """What to time.

    Args:
        devices: as for `engine.device.resolve`, timed one after the other.
        sizes: frame sizes to time; empty takes the size of the clip, or `SIZES` without a clip.
        routing: keep ratios of the routed mode.
        clip: a video or a folder of images; None generates a moving texture.
        warmup: generated frames that are not timed, per size, device and mode.
        runs: generated frames that are timed, per size, device and mode.
        profile: also measure the time per stage of the engine.
    """

    model: str = "lite"
    devices: tuple[str, ...] = ("auto",)
    precision: str = "auto"
    sizes: tuple[Size, ...] = ()
    routing: tuple[float, ...] = PAPER_KEEP_RATIOS
    clip: Path | None = None
    warmup: int = 3
    runs: int = 7
    profile: bool = False

    def __post_init__(self) -> None:
        check_routing(self.routing)
        if self.warmup < 0 or self.runs < 1:
            raise UsageError(f"{self.warmup} warm-up frames and {self.runs} runs: at least 0 and 1 are needed")


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured per generated frame.

    Args:
        shares: share of the patches that ran each dynamic block.
        stages: seconds per stage; empty unless the job asks for a profile.
    """

    seconds: float
    cost: Cost
    peak_bytes: int
    shares: tuple[float, ...]
    stages: dict[str, float]


@dataclass(frozen=True, slots=True)
class Row:
    """The results for one size on one device; `device` is a readable label such as "CPU, 2 threads, bf16"."""

    device: str
    size: Size
    static: Measured
    routed: Measured

    @property
    def rho(self) -> float | None:
        """Saved share of the time / saved share of the operations; None if routing saves no operations."""
        saved = 1 - self.routed.cost.macs / self.static.cost.macs if self.static.cost.macs else 0.0
        return (1 - self.routed.seconds / self.static.seconds) / saved if saved > 0 else None


def run(job: BenchJob, report: Callable[[Row], None]) -> list[Row]:
    """Time every size on every device.

    Raises:
        InputError: the clip cannot be read or has fewer than 2 frames.
        ModelError: the model is not available, or a device (DeviceError).
    """
    rows: list[Row] = []
    for device in job.devices:
        modes = tuple(load_interpolator(job.model, device, job.precision, routing) for routing in (None, job.routing))
        for frames in _inputs(job):
            height, width = frames[0].shape[:2]
            rows.append(Row(modes[0].runtime.label, (width, height), *_measure(modes, frames, job)))
            report(rows[-1])
    return rows


def seconds_per_frame(interpolator: Interpolator, size: Size, warmup: int = 2, runs: int = 5) -> float:
    """The median time over `runs` generated frames of a moving texture, after `warmup` frames that are not timed."""
    step = partial(next, _generate(interpolator, moving_texture(size, FRAMES)))
    for _ in range(warmup):
        step()
    return median(_seconds(step, interpolator.device) for _ in range(runs))


def moving_texture(size: Size, count: int) -> list[Frame]:
    """`count` frames: a textured background that pans, and a textured disc that crosses it. All calls give the same."""
    width, height = size
    random = np.random.default_rng(0)
    background, disc_texture = _texture(random, width, height), _texture(random, width, height)
    rows, columns = np.mgrid[:height, :width]
    frames = []
    for index in range(count):
        frame = np.roll(background, (2 * index, 4 * index), (0, 1))
        centre = width // 3 + 10 * index
        disc = (columns - centre) ** 2 + (rows - height // 2) ** 2 < (height // 4) ** 2
        frame[disc] = np.roll(disc_texture, 10 * index, 1)[disc]
        frames.append(frame)
    return frames


def _texture(random: np.random.Generator, width: int, height: int) -> Frame:
    """A frame of noise at several scales; finer noise has less contrast."""
    texture = np.full((height, width, 3), 128, np.float32)
    for octave in range(2, 8):
        grid = random.standard_normal(((height >> octave) + 2, (width >> octave) + 2, 3), dtype=np.float32)
        texture += 6 * octave * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return texture.clip(0, 255).astype(np.uint8)


def _inputs(job: BenchJob) -> Iterator[list[Frame]]:
    """Yield the input frames of each size."""
    if job.clip is None:
        for size in job.sizes or SIZES:
            yield moving_texture(size, FRAMES)
        return
    from vfi_cli.jobs.score.clips import Clip  # needs PyAV, which a machine with a GPU may lack

    frames = list(Clip(job.clip.name, job.clip).frames(FRAMES))
    if len(frames) < 2:
        raise InputError("a pair needs at least 2 frames", path=job.clip)
    height, width = frames[0].shape[:2]
    for size in job.sizes or ((width, height),):
        yield [cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.uint8) for frame in frames]


def _measure(interpolators: Sequence[Interpolator], frames: Sequence[Frame], job: BenchJob) -> list[Measured]:
    """Measure each interpolator. They generate frames in turn, so that other load on the machine affects all."""
    steps = [partial(next, _generate(interpolator, frames)) for interpolator in interpolators]
    for _ in range(job.warmup):
        for step in steps:
            step()
    device = interpolators[0].device
    seconds = [[_seconds(step, device) for step in steps] for _ in range(job.runs)]
    return [
        Measured(
            seconds=median(times),
            cost=count_cost(step),
            peak_bytes=_peak_bytes(step, device),
            shares=tuple(interpolator.last_routes.mean((0, 1)).tolist()),
            stages=stage_seconds(step, device.type == "cuda") if job.profile else {},
        )
        for step, interpolator, times in zip(steps, interpolators, zip(*seconds, strict=True), strict=True)
    ]


def _generate(interpolator: Interpolator, frames: Sequence[Frame]) -> Iterator[None]:
    """Each `next` prepares one frame and generates one. This is the work per source frame at twice the frame rate."""
    back_and_forth = cycle([*frames[1:], *frames[-2::-1]])
    left = interpolator.prepare(to_tensor(frames[0]))
    for frame in back_and_forth:
        right = interpolator.prepare(to_tensor(frame))
        interpolator.between(left, right, (0.5,))
        left = right
        yield


def _seconds(step: Callable[[], object], device: torch.device) -> float:
    _synchronize(device)
    begin = time.perf_counter()
    step()
    _synchronize(device)
    return time.perf_counter() - begin


def _synchronize(device: torch.device) -> None:
    """Wait until the GPU has finished, because CUDA kernels run asynchronously."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _peak_bytes(step: Callable[[], object], device: torch.device) -> int:
    """Peak memory while one frame is generated: device memory on CUDA, resident memory of the process otherwise."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        step()
        return torch.cuda.max_memory_allocated(device)
    memory.reset_peak()
    step()
    return memory.peak_bytes()
