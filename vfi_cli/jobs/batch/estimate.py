"""What clips will cost: frames to generate, time, and room on the disk. Nothing is decoded."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vfi_cli.jobs.interp.plan import InterpJob, Plan

MAX_PIXELS = 1280 * 720
"""The network is timed on frames of the size that the clips have, up to this."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of one clip.

    Args:
        generated: frames that the network has to make, if there are no cuts.
        pixels: of all of these.
        size: bytes of the output, if a frame of it takes as much room as one of the source. Frames between others take
            less, but the source may be coded better or worse than the output: wrong by a factor of three at times.
    """

    generated: int
    pixels: int
    size: int


def estimate(plan: Plan) -> Estimate:
    """What `plan` will take."""
    clip = plan.clip
    generated = round(plan.frames * _generated_share(plan))
    size = round(clip.path.stat().st_size * plan.frames / max(1, clip.frame_count))
    return Estimate(generated, generated * clip.width * clip.height, size)


def _generated_share(plan: Plan) -> Fraction:
    """Of the frames of the output, those that do not fall on one of the source.

    Frames at rates a and b that share one, share gcd(a, b) per second: 24 -> 60 fps copies 12 and generates 48.
    """
    if plan.multiple is not None:
        return 1 - Fraction(1, plan.multiple)
    a, b = plan.clip.average_rate / plan.stretch, plan.rate
    common = Fraction(math.gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator)
    return 1 - common / b


def seconds_per_pixel(template: InterpJob, device: str, plans: Iterable[Plan]) -> float:
    """Of a generated frame, by the network alone: timed now, at the size of the clip that asks for most pixels.

    Raises ModelError if the model or the device is not to be had.
    """
    from vfi_cli.engine.interpolator import build
    from vfi_cli.jobs.score.bench import seconds_per_frame

    clip = max(plans, key=lambda plan: estimate(plan).pixels).clip
    scale = min(1.0, math.sqrt(MAX_PIXELS / (clip.width * clip.height)))
    size = max(64, round(clip.width * scale)), max(64, round(clip.height * scale))
    interpolator = build(template.model, device, template.precision, template.routing)
    return seconds_per_frame(interpolator, size) / math.prod(size)


def free_bytes(folder: Path) -> int:
    """What can still be written to `folder`, which need not exist yet."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free
