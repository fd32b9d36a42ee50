"""Configurations of the network: `AprConfig`, and the presets `base` and `lite`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from vfi_cli.errors import UsageError

DYNAMIC_BLOCKS = 4
"""Refine blocks that a patch may skip (d in the paper). One static block runs before them."""

PAPER_KEEP_RATIOS = (0.1, 0.4, 0.6, 0.9)
"""Share of the patches that pass each dynamic block (paper, section 3.3)."""

MAX_DIMENSION = 1024
"""Upper limit of every dimension, because a config may come from an untrusted file."""

Routing = tuple[float, ...] | Literal["router"] | None
"""Which patches run a dynamic block.

"router": those that the router passes, as in the paper's inference. Numbers: a keep ratio per block; that share of the
patches runs the block, those with the best scores of the router first. None: all patches, the static network.
"""


def check_routing(routing: Routing) -> None:
    """Raise UsageError unless keep ratios are one number from 0 to 1 for each dynamic block."""
    if routing is None or routing == "router":
        return
    if isinstance(routing, str) or len(routing) != DYNAMIC_BLOCKS or not all(0 <= ratio <= 1 for ratio in routing):
        raise UsageError(
            f"--keep-ratio {','.join(map(str, routing))} is not {DYNAMIC_BLOCKS} numbers from 0 to 1",
            remedy=f"for example {','.join(map(str, PAPER_KEEP_RATIOS))}",
        )


@dataclass(frozen=True)
class AprConfig:
    """Dimensions of an APR-VFI network. A weights file stores them in its metadata.

    Attributes:
        flow: "images" is the recurrent pyramid of the paper, which warps and encodes the images at every level.
            "features" encodes each frame once and warps the features; `IntermediateFlow` corrects this flow at t.
        search: whether OpenCV's DIS estimates a second flow, on the CPU. The network uses it, except where the frames
            agree clearly better along the learned flow. `Interpolator` leaves DIS out on a GPU.
        context_on: "frames" computes the context before the warp, as in the paper. "warped" computes it after the
            warp, so that only images are warped and the context network sees the holes.
        stride: frame pixels per pixel of the synthesis, 1 in the paper. The first context convolution folds
            stride x stride pixels into channels, and the head unfolds them.
        candidates: number of hypotheses that are blended. 2: the warped frames (eq. 2). 4: also the unwarped frames.
        feature: channels of the feature that a refine block passes to the next one.
        context: channels of the context of one frame, per refine block.
        widths: channels of a refine block at 1/2 and 1/4 of its resolution.
        depth: convolutions of a refine block at its lowest resolution.
        router: channels of the two convolutions of the router.
        router_stride: the router works on means of router_stride x router_stride pixels.
        patch: side of a patch, in pixels.
    """

    name: str
    flow: Literal["images", "features"]
    search: bool
    context_on: Literal["frames", "warped"]
    stride: int
    candidates: Literal[2, 4]
    feature: int
    context: int
    widths: tuple[int, int]
    depth: int
    router: tuple[int, int]
    router_stride: int
    patch: int = 64

    def __post_init__(self) -> None:
        if self.flow not in ("images", "features") or self.context_on not in ("frames", "warped"):
            raise ValueError(f"unknown flow {self.flow!r} or context_on {self.context_on!r}")
        if self.flow == "features" and self.context_on == "frames":
            raise ValueError('flow "features" needs context_on "warped"')
        if self.search and self.flow != "features":
            raise ValueError('search needs flow "features"')
        if self.candidates not in (2, 4):
            raise ValueError(f"candidates must be 2 or 4, got {self.candidates}")
        if len(self.widths) != 2 or len(self.router) != 2:
            raise ValueError(f"widths and router must be two numbers each, got {self.widths} and {self.router}")
        sizes = (self.stride, self.feature, self.context, *self.widths, self.depth, *self.router, self.router_stride)
        if not all(isinstance(size, int) and 0 < size <= MAX_DIMENSION for size in (*sizes, self.patch)):
            raise ValueError(f"dimensions must be whole numbers from 1 to {MAX_DIMENSION}: {self}")
        if self.patch % (4 * self.stride) or self.patch % self.router_stride:
            raise ValueError(f"patch {self.patch} must be a multiple of 4 * stride and of router_stride")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> AprConfig:
        """Inverse of `to_dict`, also after JSON has turned tuples into lists."""
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**fields)


BASE = AprConfig(
    name="base",
    flow="images",
    search=False,
    context_on="frames",
    stride=1,
    candidates=2,
    feature=32,
    context=24,
    widths=(64, 96),
    depth=1,
    router=(16, 20),
    router_stride=1,
)

LITE = AprConfig(
    name="lite",
    flow="features",
    search=True,
    context_on="warped",
    stride=4,
    candidates=4,
    feature=32,
    context=16,
    widths=(32, 64),
    depth=1,
    router=(16, 20),
    router_stride=4,
)

PRESETS = {config.name: config for config in (BASE, LITE)}
