"""Residual motion between two aligned images (Lucas and Kanade, 1981). It is precise for motion below one pixel.

    r = w0 - w1      g = t grad w0 + (1 - t) grad w1      v = (sum g g' + noise)^-1 sum g r

w0 and w1 are the images warped to t. v is the motion from frame 0 to frame 1 that the flow has left. The sums are over
the surroundings of every pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vfi_cli.ops.sample import sample

NOISE = 1e-4
"""Regulariser, a squared gradient of images in [0, 1]. Where squared gradients are smaller, the motion goes to zero."""

MAX_MOTION = 1.0
"""Upper limit of the motion v, in pixels of the images. Beyond it, the images are not linear in the motion."""

BLUR = 2
"""Number of 3x3 means over the sums."""


@torch.no_grad()
def residual_motion(image_0: Tensor, image_1: Tensor, flow_t: Tensor, t: Tensor) -> Tensor:
    """The correction of flow_t that makes both images agree better at t. It is a measurement, without gradient.

    Args:
        image_0, image_1: grey (B, 1, H, W) in [0, 1].
        flow_t: flow_t0, flow_t1 (B, 4, h, w) in pixels of that size. H and W are multiples of h and w.
        t: one time (), or one per image (B, 1, 1, 1).

    Returns:
        (B, 4, h, w) in pixels of that size: -t v, to add to flow_t0, and (1 - t) v, to add to flow_t1. v is at most
        `MAX_MOTION` pixels of the images.
    """
    stride = image_0.shape[-1] // flow_t.shape[-1]
    flow = stride * F.interpolate(flow_t, scale_factor=stride, mode="bilinear", align_corners=False)
    warped_0, warped_1 = sample(image_0, flow[:, :2]), sample(image_1, flow[:, 2:])
    mixed = torch.lerp(warped_1, warped_0, t)  # its gradient is t times that of w0 and 1 - t times that of w1
    padded = F.pad(mixed, (1, 1, 1, 1), mode="replicate")
    right = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    residual = warped_0 - warped_1
    products = (right * right, right * down, down * down, right * residual, down * residual)
    sums = averaged_around(F.avg_pool2d(torch.cat(products, 1), stride))
    xx, xy, yy, x, y = torch.split(sums, 1, 1)
    xx, yy = xx + NOISE, yy + NOISE
    motion = torch.cat((yy * x - xy * y, xx * y - xy * x), 1) / (xx * yy - xy * xy)
    length = motion.square().sum(1, keepdim=True).sqrt()
    motion = motion * (MAX_MOTION / length.clamp(min=MAX_MOTION)) / stride
    return torch.cat((-t * motion, (1 - t) * motion), 1)


def averaged_around(x: Tensor) -> Tensor:
    """(B, C, h, w) after `BLUR` 3x3 means; the border is repeated."""
    for _ in range(BLUR):
        x = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return x
