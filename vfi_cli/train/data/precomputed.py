"""Precomputed training crops for `lite`, with the DIS flow of the pair and the flow from the true frame to both ends.

The ends are the left and the right frame of the pair. Both flows are computed on whole frames, before training.
Therefore they are also right near the border of a crop.
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

ERROR_SCALE = 1000
"""Errors are stored in 8 bits as thousandths. The largest is 0.255, a quarter of the range of the images."""


class PrecomputedCrops:
    """Random crops of random pairs with their flow at t, stored on `device`, sorted by motion; 10 bytes per pixel.

    Args:
        windows: windows that the pairs are drawn from.
        size: side of the crops in pixels.
        pairs: number of pairs of frames.
        crops: crops per pair.
        gaps: see `recipes.Gaps`.
        teacher: a flow network that computes a second target; `precompute` chooses between both.
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
        log.info("precomputing %d crops of %d pairs", pairs * crops, pairs)
        buffers = _allocate(pairs * crops, size)
        window_of_pair = np.random.default_rng(seed).integers(len(windows), size=pairs)
        motion = torch.empty(len(buffers.t))

        def precompute_pairs(window_index: int) -> None:
            """Fill the buffers with all pairs of one window, which is decoded once."""
            frames = windows[window_index].read()
            for pair in np.flatnonzero(window_of_pair == window_index).tolist():
                rng = np.random.default_rng((seed, pair))
                uncropped = precompute(frames, choose_pair(len(frames), gaps, rng), teacher)
                for index in range(pair * crops, (pair + 1) * crops):
                    crop = _random_crop(uncropped, size, rng)
                    assert crop.target is not None
                    motion[index] = crop.target.abs().mean()
                    for buffer, new in zip(flatten(buffers), flatten(_compact(crop)), strict=True):
                        buffer[index] = new[0]

        torch_threads, opencv_threads = torch.get_num_threads(), cv2.getNumThreads()
        torch.set_num_threads(1)  # each pool thread works on its own pair
        cv2.setNumThreads(1)
        try:
            with ThreadPoolExecutor(available_cpus()) as pool:
                list(pool.map(precompute_pairs, np.unique(window_of_pair).tolist()))
        finally:
            torch.set_num_threads(torch_threads)
            cv2.setNumThreads(opencv_threads)
        self._kept = map_batch(buffers, lambda x: x.to(device))
        self._order = motion.argsort().to(device)

    def draw(self, count: int, rng: np.random.Generator, motion_share: float) -> Batch:
        """A batch of `count` crops. They are drawn from the share `motion_share` of all crops with the least motion."""
        limit = max(1, round(motion_share * len(self._order)))
        index = self._order[torch.from_numpy(rng.integers(limit, size=count)).to(self._order.device)]
        return _expand(map_batch(self._kept, lambda x: x[index]))


@torch.no_grad()
def precompute(frames: Frames, pair: tuple[int, int, int], teacher: FlowNet | None = None) -> Batch:
    """The sample of three frames of a window, uncropped: images, target, its error, and the DIS flow of the pair.

    `target` is the flow from the true frame to both ends. DIS and the teacher compute it. At every pixel, and for each
    end, the flow with the smaller photometric error is taken, and `error` is that error.

    Args:
        frames: the window (N, H, W, 3). Both sides are cut to multiples of `STRIDE`; with a teacher, to multiples of
            the coarsest stride of its pyramid.
        pair: indices of the left, the true and the right frame.
    """
    multiple = STRIDE if teacher is None else 4 * 2 ** (pyramid_levels(*frames.shape[1:3]) - 1)
    height, width = (side // multiple * multiple for side in frames.shape[1:3])
    left, between, right = (np.ascontiguousarray(frames[k, :height, :width]) for k in pair)
    frame_0, truth, frame_1 = map(to_image, (left, between, right))
    flows = [torch.cat((_dis_flow(between, left), _dis_flow(between, right)), 1)]
    if teacher is not None:
        flows.append(_teacher_flow(teacher, truth, frame_0, frame_1))
    quarter = [F.avg_pool2d(flow, STRIDE) / STRIDE for flow in flows]
    errors = torch.stack([_photometric_error(flow, truth, frame_0, frame_1) for flow in quarter])
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
    """The DIS flow of two frames (1, 3, H, W) in [0, 1].

    Returns flow_01, flow_10 (1, 4, H // 4, W // 4), in pixels of that size.
    """
    dis = DisFlow()
    return F.avg_pool2d(dis(dis.extract_features(frame_0), dis.extract_features(frame_1)), STRIDE) / STRIDE


def _dis_flow(start: NDArray[np.uint8], end: NDArray[np.uint8]) -> Tensor:
    """Flow (1, 2, H, W) in pixels from one frame (H, W, 3) to another.

    By OpenCV's Dense Inverse Search (Kroeger et al., ECCV 2016).
    """
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    luma_0, luma_1 = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (start, end))
    flow = dis.calc(luma_0, luma_1, None)  # type: ignore[call-overload]  # None: no flow to start from
    return torch.from_numpy(flow).permute(2, 0, 1)[None]


def _teacher_flow(teacher: FlowNet, truth: Tensor, frame_0: Tensor, frame_1: Tensor) -> Tensor:
    """The teacher's flow from the true frame to both ends: flow_t0, flow_t1 (1, 4, H, W) in pixels."""
    pyramid = teacher.extract_features(truth)
    with torch.autocast("cpu", torch.bfloat16):
        flows = [teacher(pyramid, teacher.extract_features(frame)) for frame in (frame_0, frame_1)]
    return torch.cat([flow[:, :2].float() for flow in flows], 1)


def _photometric_error(target: Tensor, truth: Tensor, frame_0: Tensor, frame_1: Tensor) -> Tensor:
    """Photometric error of a target: both frames, warped along it, against the true frame.

    It is the mean over 3x3 pixels of the quarter size.

    Args:
        target: flow_t0, flow_t1 (1, 4, H / 4, W / 4), in pixels of that size.
        truth, frame_0, frame_1: (1, 3, H, W) in [0, 1].

    Returns:
        (1, 2, H / 4, W / 4) in [0, 1], of frame 0 and of frame 1.
    """
    flow = STRIDE * resize(target, STRIDE)
    warped = [sample(frame_0, flow[:, :2].contiguous()), sample(frame_1, flow[:, 2:].contiguous())]
    differences = torch.cat([(image - truth).abs().mean(1, keepdim=True) for image in warped], 1)
    return F.avg_pool2d(F.avg_pool2d(differences, STRIDE), 3, 1, 1, count_include_pad=False)


def crop_to(batch: Batch, top: int, left: int, height: int, width: int) -> Batch:
    """The same crop of all images and flows. Its corner and its sides are in pixels, and multiples of `STRIDE`."""

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


def _allocate(crops: int, size: int) -> Batch:
    """Empty buffers for `crops` samples in the types of `_compact`, channels last."""

    def planes(channels: int, dtype: torch.dtype = torch.uint8, stride: int = 1) -> Tensor:
        side = size // stride
        return torch.empty(crops, side, side, channels, dtype=dtype).permute(0, 3, 1, 2)

    target, searched = (planes(4, torch.float16, STRIDE) for _ in range(2))
    error = planes(2, stride=STRIDE)
    return Batch(planes(3), planes(3), planes(3), torch.empty(crops, 1, 1, 1), target, error, searched)


def _compact(batch: Batch) -> Batch:
    """Convert images and errors to 8 bits, flow to half precision; see `ERROR_SCALE`."""
    assert batch.target is not None and batch.error is not None and batch.searched is not None
    frame_0, frame_1, truth = ((image * 255).round().to(torch.uint8) for image in batch[:3])
    error = (batch.error * ERROR_SCALE).round().clamp(max=255).to(torch.uint8)
    return Batch(frame_0, frame_1, truth, batch.t, batch.target.half(), error, batch.searched.half())


def _expand(batch: Batch) -> Batch:
    """The inverse of `_compact`, up to its rounding."""
    assert batch.target is not None and batch.error is not None and batch.searched is not None
    frame_0, frame_1, truth = (image.float() / 255 for image in batch[:3])
    error = batch.error.float() / ERROR_SCALE
    return Batch(frame_0, frame_1, truth, batch.t, batch.target.float(), error, batch.searched.float())
