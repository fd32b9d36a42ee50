"""Samples for `lite`: the searched flow between the frames, and the flow from the true frame to both ends.

Both are computed before training and on whole frames, so that crops know what comes from beyond their border.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vfi_cli.cpus import available_cpus
from vfi_cli.grid import pyramid_levels
from vfi_cli.model.flow import FlowNet, resize
from vfi_cli.model.flow_dis import DisFlow
from vfi_cli.model.intermediate import STRIDE
from vfi_cli.ops.sample import sample
from vfi_cli.train.data.batch import Batch, flatten, map_batch, to_image
from vfi_cli.train.data.pairs import choose_pair
from vfi_cli.train.data.windows import Frames, Window
from vfi_cli.train.recipes import Gaps

log = logging.getLogger(__name__)

CODES_PER_ERROR = 1000
"""Errors are kept in 8 bits: thousandths, up to a quarter of the range of the images."""


class PreparedCrops:
    """Random crops of random pairs with their flow at t, kept on `device`, ordered by motion: 10 bytes a pixel.

    size: of the crops; pairs: how many pairs of frames; crops: how many crops of each. teacher: a flow network that is
    shown the true frame as well.
    """

    def __init__(
        self,
        windows: Sequence[Window],
        *,
        size: int,
        pairs: int,
        crops: int,
        gaps: Gaps,
        seed: int,
        device: torch.device,
        teacher: FlowNet | None = None,
    ) -> None:
        log.info("preparing %d crops of %d pairs", pairs * crops, pairs)
        kept = _room(pairs * crops, size)
        owners = np.random.default_rng(seed).integers(len(windows), size=pairs)
        motion = torch.empty(len(kept.t))

        def prepare_pairs(owner: int) -> None:
            """All pairs of one window: it is decoded once."""
            frames = windows[owner].read()
            for pair in np.flatnonzero(owners == owner).tolist():
                rng = np.random.default_rng((seed, pair))
                whole = prepare(frames, choose_pair(len(frames), gaps, rng), teacher)
                for place in range(pair * crops, (pair + 1) * crops):
                    crop = _random_crop(whole, size, rng)
                    assert crop.target is not None
                    motion[place] = crop.target.abs().mean()
                    for room, new in zip(flatten(kept), flatten(_compact(crop)), strict=True):
                        room[place] = new[0]

        threads, threads_of_dis = torch.get_num_threads(), cv2.getNumThreads()
        torch.set_num_threads(1)  # a pair per thread, not a thread per half of a pair
        cv2.setNumThreads(1)
        try:
            with ThreadPoolExecutor(available_cpus()) as pool:
                list(pool.map(prepare_pairs, np.unique(owners).tolist()))
        finally:
            torch.set_num_threads(threads)
            cv2.setNumThreads(threads_of_dis)
        self._kept = map_batch(kept, lambda x: x.to(device))
        self._order = motion.argsort().to(device)

    def draw(self, count: int, rng: np.random.Generator, reach: float) -> Batch:
        """A batch of `count` crops from the `reach` share of them that move least."""
        limit = max(1, round(reach * len(self._order)))
        index = self._order[torch.from_numpy(rng.integers(limit, size=count)).to(self._order.device)]
        return _expand(map_batch(self._kept, lambda x: x[index]))


@torch.no_grad()
def prepare(frames: Frames, pair: tuple[int, int, int], teacher: FlowNet | None = None) -> Batch:
    """The frames `pair` (left, between, right) of a window, and the flow from the true one to both -> whole frames.

    Their sides are cut to multiples of `STRIDE`, or of what the teacher's pyramid needs. The flow is that of DIS or of
    the teacher: at every place the one along which the frame fits the true one better; `error` is how badly it fits.
    """
    multiple = STRIDE if teacher is None else 4 * 2 ** (pyramid_levels(*frames.shape[1:3]) - 1)
    height, width = (side // multiple * multiple for side in frames.shape[1:3])
    left, between, right = (np.ascontiguousarray(frames[k, :height, :width]) for k in pair)
    frame_0, truth, frame_1 = map(to_image, (left, between, right))
    hypotheses = [torch.cat((_dis(between, left), _dis(between, right)), 1)]
    if teacher is not None:
        hypotheses.append(_taught(teacher, truth, frame_0, frame_1))
    quarter = [F.avg_pool2d(flow, STRIDE) / STRIDE for flow in hypotheses]
    errors = torch.stack([_misfit(flow, truth, frame_0, frame_1) for flow in quarter])
    best = errors.argmin(0, keepdim=True)
    target = torch.stack(quarter).gather(0, best.repeat_interleave(2, 2))[0]
    t = (pair[1] - pair[0]) / (pair[2] - pair[0])
    return Batch(
        frame_0,
        frame_1,
        truth,
        torch.full((1, 1, 1, 1), t),
        target,
        errors.gather(0, best)[0],
        searched_flow(frame_0, frame_1),
    )


def searched_flow(frame_0: Tensor, frame_1: Tensor) -> Tensor:
    """The flow that the network searches for (1, 4, h, w), in pixels of the quarter size; the sides are cut to fit."""
    search = DisFlow()
    return F.avg_pool2d(search(search.extract_features(frame_0), search.extract_features(frame_1)), STRIDE) / STRIDE


def _dis(start: NDArray[np.uint8], end: NDArray[np.uint8]) -> Tensor:
    """OpenCV's Dense Inverse Search (Kroeger et al., ECCV 2016): frames (H, W, 3) -> flow (1, 2, H, W) in pixels."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    luma_0, luma_1 = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (start, end))
    flow = search.calc(luma_0, luma_1, None)  # type: ignore[call-overload]  # None: no flow to start from
    return torch.from_numpy(flow).permute(2, 0, 1)[None]


def _taught(teacher: FlowNet, truth: Tensor, frame_0: Tensor, frame_1: Tensor) -> Tensor:
    """The teacher's flow from the true frame to both ends (1, 4, H, W)."""
    pyramid = teacher.extract_features(truth)
    with torch.autocast("cpu", torch.bfloat16):
        flows = [teacher(pyramid, teacher.extract_features(frame)) for frame in (frame_0, frame_1)]
    return torch.cat([flow[:, :2].float() for flow in flows], 1)


def _misfit(target: Tensor, truth: Tensor, frame_0: Tensor, frame_1: Tensor) -> Tensor:
    """How far both frames, read along flow_t (1, 4, h, w), are from the true one around each place: (1, 2, h, w)."""
    flow = STRIDE * resize(target, STRIDE)
    reads = [sample(frame_0, flow[:, :2].contiguous()), sample(frame_1, flow[:, 2:].contiguous())]
    differences = torch.cat([(read - truth).abs().mean(1, keepdim=True) for read in reads], 1)
    return F.avg_pool2d(F.avg_pool2d(differences, STRIDE), 3, 1, 1, count_include_pad=False)


def crop_to(batch: Batch, top: int, left: int, height: int, width: int) -> Batch:
    """A part of all frames; its sides and corners are multiples of `STRIDE`."""

    def cut(x: Tensor, stride: int) -> Tensor:
        rows, columns = (
            slice(begin // stride, (begin + size) // stride) for begin, size in ((top, height), (left, width))
        )
        return x[..., rows, columns]

    frame_0, frame_1, truth = (cut(image, 1) for image in batch[:3])
    target, error, searched = (
        None if x is None else cut(x, STRIDE) for x in (batch.target, batch.error, batch.searched)
    )
    return Batch(frame_0, frame_1, truth, batch.t, target, error, searched)


def _random_crop(batch: Batch, size: int, rng: np.random.Generator) -> Batch:
    height, width = batch.truth.shape[-2:]
    top, left = (STRIDE * int(rng.integers((side - size) // STRIDE + 1)) for side in (height, width))
    return crop_to(batch, top, left, size, size)


def _room(crops: int, size: int) -> Batch:
    def plane(channels: int, dtype: torch.dtype = torch.uint8, stride: int = 1) -> Tensor:
        side = size // stride
        return torch.empty(crops, side, side, channels, dtype=dtype).permute(0, 3, 1, 2)

    target, searched = (plane(4, torch.float16, STRIDE) for _ in range(2))
    error = plane(2, stride=STRIDE)
    return Batch(plane(3), plane(3), plane(3), torch.empty(crops, 1, 1, 1), target, error, searched)


def _compact(batch: Batch) -> Batch:
    """Images and errors in 8 bits, flow in half precision."""
    assert batch.target is not None and batch.error is not None and batch.searched is not None
    frame_0, frame_1, truth = ((image * 255).round().to(torch.uint8) for image in batch[:3])
    error = (batch.error * CODES_PER_ERROR).round().clamp(max=255).to(torch.uint8)
    return Batch(frame_0, frame_1, truth, batch.t, batch.target.half(), error, batch.searched.half())


def _expand(batch: Batch) -> Batch:
    """Inverse of `_compact`, to within its rounding."""
    assert batch.target is not None and batch.error is not None and batch.searched is not None
    frame_0, frame_1, truth = (image.float() / 255 for image in batch[:3])
    error = batch.error.float() / CODES_PER_ERROR
    return Batch(frame_0, frame_1, truth, batch.t, batch.target.float(), error, batch.searched.float())
