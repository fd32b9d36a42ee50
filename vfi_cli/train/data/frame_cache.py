"""Training crops for `base`: 8-bit frames are kept on the device and cropped there; the step computes the flow."""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from vfi_cli.cpus import available_cpus
from vfi_cli.train.data.batch import Batch
from vfi_cli.train.data.pairs import choose_pair
from vfi_cli.train.data.windows import Frames, Window
from vfi_cli.train.recipes import Gaps

log = logging.getLogger(__name__)

GPU_MEMORY_SHARE = 0.4
"""Share of the free GPU memory that the frames may use."""
CPU_BYTES = 2 << 30
"""Bytes that the frames may use on a CPU."""


def frame_cache_bytes(device: torch.device) -> int:
    """The number of bytes that the frames may use on `device`."""
    return int(GPU_MEMORY_SHARE * torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else CPU_BYTES


class FrameCrops:
    """Random crops of random pairs.

    If all windows fit into `max_bytes`, they all stay on the device. If not, the cache holds as many as fit. Then
    threads read the next windows in the background, at most as many at a time as a batch has samples. Each new window
    replaces the oldest one.
    """

    def __init__(
        self, windows: Sequence[Window], *, size: int, gaps: Gaps, seed: int, device: torch.device, max_bytes: int
    ) -> None:
        self._windows, self._size, self._gaps, self._device = windows, size, gaps, device
        order = np.random.default_rng(seed).permutation(len(windows)).tolist()
        bytes_so_far = itertools.accumulate(3 * w.frames * w.height * w.width for w in map(windows.__getitem__, order))
        count = max(1, sum(total <= max_bytes for total in bytes_so_far))
        self._readers = ThreadPoolExecutor(available_cpus(), thread_name_prefix="frames")
        self._next_window: Iterator[int] = itertools.cycle([*order[count:], *order[:count]])
        self._pending: deque[Future[Frames]] = deque()
        self._all_cached = count == len(windows)
        first = self._readers.map(lambda k: windows[k].read(), order[:count])
        self._cached = [self._to_device(frames) for frames in first]
        self._oldest = 0
        log.info("%d of %d windows are kept on the device", count, len(windows))

    def draw(self, count: int, rng: np.random.Generator, motion_share: float) -> Batch:
        """A batch of `count` crops, without flow. Gaps are drawn from the share `motion_share` of the smallest gaps."""
        crops: list[list[Tensor]] = [[], [], []]
        times = []
        for _ in range(count):
            frames = self._cached[int(rng.integers(len(self._cached)))]
            left, between, right = pair = choose_pair(len(frames), self._gaps, rng, motion_share)
            y, x = (int(rng.integers(side - self._size + 1)) for side in frames.shape[1:3])
            for images, k in zip(crops, pair, strict=True):
                images.append(frames[k, y : y + self._size, x : x + self._size])
            times.append((between - left) / (right - left))
        if not self._all_cached:
            self._refresh(count)
        frame_0, truth, frame_1 = (torch.stack(images).permute(0, 3, 1, 2).float() / 255 for images in crops)
        return Batch(frame_0, frame_1, truth, torch.tensor(times, device=self._device).view(-1, 1, 1, 1))

    def _refresh(self, count: int) -> None:
        while self._pending and self._pending[0].done():
            self._cached[self._oldest] = self._to_device(self._pending.popleft().result())
            self._oldest = (self._oldest + 1) % len(self._cached)
        while len(self._pending) < count:
            self._pending.append(self._readers.submit(self._windows[next(self._next_window)].read))

    def _to_device(self, frames: Frames) -> Tensor:
        return torch.from_numpy(frames).to(self._device)
