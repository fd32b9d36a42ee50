"""Estimates the cost of clips: frames to generate, time, and disk space. No frame is decoded."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vfi_cli.jobs.interp.plan import InterpJob, Plan

MAX_PIXELS = 1280 * 720
"""Largest frame that the network is timed on; larger clips are timed on smaller frames."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimated cost of one clip.

    Args:
        generated: frames that the network makes, if there are no scene cuts.
        pixels: of all generated frames together.
        size: bytes of the output, if one of its frames takes as many bytes as one of the source. An interpolated frame
            takes fewer, but the source may be compressed more or less than the output: the estimate is sometimes wrong
            by a factor of three.
    """

    generated: int
    pixels: int
    size: int


def estimate(plan: Plan) -> Estimate:
    """Estimate the cost of `plan`."""
    clip = plan.clip
    generated = round(plan.frames * _generated_share(plan))
    size = round(clip.path.stat().st_size * plan.frames / max(1, clip.frame_count))
    return Estimate(generated, generated * clip.width * clip.height, size)


def _generated_share(plan: Plan) -> Fraction:
    """The share of output frames at whose time there is no source frame, from 0 to 1.

    If frames at rates a and b coincide once, they coincide gcd(a, b) times per second: 24 -> 60 fps copies 12 frames
    per second and generates 48.
    """
    if plan.multiple is not None:
        return 1 - Fraction(1, plan.multiple)
    a, b = plan.clip.average_rate / plan.stretch, plan.rate
    common = Fraction(math.gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator)
    return 1 - common / b


def seconds_per_pixel(template: InterpJob, device: str, plans: Iterable[Plan]) -> float:
    """Seconds that the network takes per pixel of a generated frame. The network is built and timed now.

    It is timed at the frame size of the clip that needs the most pixels, or at MAX_PIXELS if that is smaller.

    Raises ModelError if the model or the device is not available.
    """
    from vfi_cli.engine.interpolator import load_interpolator
    from vfi_cli.jobs.score.bench import seconds_per_frame

    clip = max(plans, key=lambda plan: estimate(plan).pixels).clip
    scale = min(1.0, math.sqrt(MAX_PIXELS / (clip.width * clip.height)))
    size = max(64, round(clip.width * scale)), max(64, round(clip.height * scale))
    interpolator = load_interpolator(template.model, device, template.precision, template.routing)
    return seconds_per_frame(interpolator, size) / math.prod(size)


def free_bytes(folder: Path) -> int:
    """Free disk space for `folder`, which need not exist yet."""
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    return shutil.disk_usage(existing).free
