"""The two members of the family, as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from vfi_cli.errors import UsageError

DYNAMIC_BLOCKS = 4
"""d in the paper: refine blocks that a patch may skip; one static block comes before them."""

PAPER_KEEP_RATIOS = (0.1, 0.4, 0.6, 0.9)
"""Share of the patches that pass each dynamic block (paper, section 3.3)."""

LARGEST = 1024
"""No dimension is larger: a config may come from a stranger's file."""

Routing = tuple[float, ...] | Literal["router"] | None
"""Which patches run a dynamic block: those the router passes (the paper's inference), the best of a budget (a keep
ratio per block; the router orders the patches), or all of them (None, the static network)."""


def check_routing(routing: Routing) -> None:
    """Raises UsageError for keep ratios that are not one number from 0 to 1 for each dynamic block."""
    if routing is None or routing == "router":
        return
    if isinstance(routing, str) or len(routing) != DYNAMIC_BLOCKS or not all(0 <= ratio <= 1 for ratio in routing):
        raise UsageError(
            f"--keep-ratio {','.join(map(str, routing))} is not {DYNAMIC_BLOCKS} numbers from 0 to 1",
            remedy=f"for example {','.join(map(str, PAPER_KEEP_RATIOS))}",
        )


@dataclass(frozen=True)
class AprConfig:
    """Dimensions of an APR-VFI network; a weights file carries them.

    flow: "images" is the paper's recurrent pyramid, which warps the images and encodes them at every level; "features"
        warps the features that a frame has once, and is corrected at t by `intermediate.IntermediateFlow`.
    search: OpenCV's DIS gives another flow, on the CPU. The network uses it, but for the places of the frame at t where
        both frames agree clearly better along the learned one.
    context_on: "frames" computes context before the warp (paper), "warped" after it: then nothing but the
        images is splatted, and the context sees the holes.
    stride: the synthesis works on a grid this much coarser than the frame; the first context convolution folds
        stride x stride pixels into channels, the head unfolds them again. 1 in the paper.
    candidates: 2 blends the warped frames (eq. 2); 4 may also choose the frames where they stood still.
    feature, context: channels of the feature carried between blocks, of one context set of one frame.
    widths: channels of a refine block at 1/2 and 1/4 of the working grid; depth: convolutions at the bottom.
    router: channels of its two convolutions; router_stride: it looks at every this-many-th pixel (averaged).
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
            raise ValueError("the context of a flow that is corrected at t is computed after the warp")
        if self.search and self.flow != "features":
            raise ValueError("only a flow that is corrected at t has another one beside it")
        if self.candidates not in (2, 4):
            raise ValueError(f"candidates must be 2 or 4, got {self.candidates}")
        if len(self.widths) != 2 or len(self.router) != 2:
            raise ValueError(f"widths and router are two numbers each, got {self.widths} and {self.router}")
        sizes = (self.stride, self.feature, self.context, *self.widths, self.depth, *self.router, self.router_stride)
        if not all(isinstance(size, int) and 0 < size <= LARGEST for size in (*sizes, self.patch)):
            raise ValueError(f"dimensions are whole numbers from 1 to {LARGEST}: {self}")
        if self.patch % (4 * self.stride) or self.patch % self.router_stride:
            raise ValueError(f"patch {self.patch} must be a multiple of 4 * stride and of router_stride")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> AprConfig:
        """Inverse of `to_dict`, also after a trip through JSON."""
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
