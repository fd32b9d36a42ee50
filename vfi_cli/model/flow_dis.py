"""Flow that needs no training: OpenCV's Dense Inverse Search, both directions (Kroeger et al., ECCV 2016)."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from vfi_cli.model.camera import Array, add_motion, camera_motion, carried_back
from vfi_cli.ops.bands_cpu import in_bands

LUMA = (0.299, 0.587, 0.114)


class DisFlow(nn.Module):
    """The interface of `flow.FlowNet` without weights; always computed on the CPU.

    What the camera does is found first and taken out: a repeated texture would lock in a period off. On the city of
    Vid4, seen from the air, that is worth 5 dB of the frame between; elsewhere nothing.

    Medium preset, which ends at half resolution: on held-out training clips 0.1 dB better than the fast one with
    three variational iterations, and within 0.1 dB of full resolution in a quarter of its time.
    """

    def describe(self, frame: Tensor) -> list[Tensor]:
        """A frame (B, 3, H, W) in [0, 1] -> its luma (H, W) uint8, one per image."""
        weights = torch.tensor(LUMA, device=frame.device).view(3, 1, 1)
        luma = (frame.float() * weights).sum(1).mul_(255).round_().clamp_(0, 255)
        return list(luma.to(torch.uint8).cpu())

    def forward(self, lumas_0: list[Tensor], lumas_1: list[Tensor]) -> Tensor:
        """Lumas of both frames (see `describe`) -> flow (B, 4, H, W) in pixels, on the CPU."""
        B, (H, W) = len(lumas_0), lumas_0[0].shape
        flow = np.empty((B, H, W, 4), np.float32)
        tasks: list[tuple[Array, Array, Array, Array | None]] = []  # both directions of every image
        for into, left, right in zip(flow, lumas_0, lumas_1, strict=True):
            luma_0, luma_1 = left.numpy(), right.numpy()
            motion = camera_motion(luma_0, luma_1)
            back = None if motion is None else cv2.invertAffineTransform(motion)
            tasks += [(into[..., :2], luma_0, luma_1, motion), (into[..., 2:], luma_1, luma_0, back)]
        # Much of DIS is serial: both directions side by side.
        cv2.setNumThreads(max(1, torch.get_num_threads() // 2))

        def work(first: int, last: int) -> None:
            for into, start, end, motion in tasks[first:last]:
                into[:] = _search(start, end, motion)

        in_bands(work, len(tasks))
        return torch.from_numpy(flow).permute(0, 3, 1, 2)


def _search(luma_0: Array, luma_1: Array, motion: Array | None) -> Array:
    """Flow (H, W, 2) from frame 0 to frame 1; DIS looks for what the motion of the camera leaves over."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    other = luma_1 if motion is None else carried_back(luma_1, motion)
    flow = dis.calc(luma_0, other, None)  # type: ignore[call-overload]  # None: no flow to start from
    return flow if motion is None else add_motion(flow, motion)
