"""Samples for a network whose flow is computed in the step: frames as 8-bit tensors on the device, cropped there."""

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

GPU_SHARE = 0.4
"""Of the free memory of a GPU, what frames may take."""
CPU_BYTES = 2 << 30


def room_for_frames(device: torch.device) -> int:
    """Bytes that the frames may take."""
    return int(GPU_SHARE * torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else CPU_BYTES


class FrameCrops:
    """Random crops of random pairs.

    All windows stay on the device if they fit into `room` bytes. If not, a part of them does, and for every sample
    drawn another window is read in the background to take the place of the oldest one.
    """

    def __init__(
        self, windows: Sequence[Window], *, size: int, gaps: Gaps, seed: int, device: torch.device, room: int
    ) -> None:
        self._windows, self._size, self._gaps, self._device = windows, size, gaps, device
        order = np.random.default_rng(seed).permutation(len(windows)).tolist()
        bytes_so_far = itertools.accumulate(3 * w.frames * w.height * w.width for w in map(windows.__getitem__, order))
        count = max(1, sum(total <= room for total in bytes_so_far))
        self._readers = ThreadPoolExecutor(available_cpus(), thread_name_prefix="frames")
        self._next: Iterator[int] = itertools.cycle([*order[count:], *order[:count]])
        self._coming: deque[Future[Frames]] = deque()
        self._complete = count == len(windows)
        first = self._readers.map(lambda k: windows[k].read(), order[:count])
        self._kept = [self._place(frames) for frames in first]
        self._oldest = 0
        log.info("%d of %d windows are on the device", count, len(windows))

    def draw(self, count: int, rng: np.random.Generator, reach: float) -> Batch:
        """A batch of `count` crops; their gaps are the smallest `reach` of all that could be."""
        crops: list[list[Tensor]] = [[], [], []]
        times = []
        for _ in range(count):
            frames = self._kept[int(rng.integers(len(self._kept)))]
            left, between, right = pair = choose_pair(len(frames), self._gaps, rng, reach)
            y, x = (int(rng.integers(side - self._size + 1)) for side in frames.shape[1:3])
            for images, k in zip(crops, pair, strict=True):
                images.append(frames[k, y : y + self._size, x : x + self._size])
            times.append((between - left) / (right - left))
        if not self._complete:
            self._refresh(count)
        frame_0, truth, frame_1 = (torch.stack(images).permute(0, 3, 1, 2).float() / 255 for images in crops)
        return Batch(frame_0, frame_1, truth, torch.tensor(times, device=self._device).view(-1, 1, 1, 1))

    def _refresh(self, count: int) -> None:
        while self._coming and self._coming[0].done():
            self._kept[self._oldest] = self._place(self._coming.popleft().result())
            self._oldest = (self._oldest + 1) % len(self._kept)
        while len(self._coming) < count:
            self._coming.append(self._readers.submit(self._windows[next(self._next)].read))

    def _place(self, frames: Frames) -> Tensor:
        return torch.from_numpy(frames).to(self._device)
