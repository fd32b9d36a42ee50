"""Recipes: functions that return a whole training configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from vfi_cli.model.config import BASE, LITE, PAPER_KEEP_RATIOS, AprConfig

Gaps = tuple[tuple[int, float], ...]
"""(frames from the left to the right frame of a pair, share of the pairs with it), sorted from small to large gaps."""

LITE_GAPS: Gaps = ((2, 0.4), (3, 0.05), (4, 0.3), (6, 0.15), (8, 0.1))

Part = Literal["flow", "intermediate", "context", "synthesis", "gate", "router"]
"""Attribute of `Apr` that holds a part of the network."""


@dataclass(frozen=True)
class Recipe:
    """The configuration of one training run.

    The run lasts `minutes` on any machine: the schedule follows the clock, not the number of steps. The preparation of
    the data is not counted.

    Args:
        trains: parts of the network that are trained; the others are frozen.
        final_rate: learning rate at the end of the run.
        crop: side of the square crops, in pixels.
        batch: crops per step.
        gaps: see `Gaps`; a larger gap gives larger motion.
        whole_share: share of the batches that run whole crops (stage 1 of the paper).
        routed_share: share of the batches that run routed patches and train the router (stage 3). Batches of patches
            that are not routed run all blocks (stage 2).
        unrefined_share: share of the batches that train flow and gate without synthesis, see `step.MotionStep`.
        keep_ratios: share of the patches that the reference route passes to each dynamic block.
        reconstruction: "charbonnier" (paper) or "relative", the logarithm of the squared error.
        census_weight: weight of the census loss.
        route_weight: weight of the L1 distance to the reference route (paper, eq. 4).
        curriculum: share of the run during which the motion grows from the smallest to the full range.
        colour: also change the colours of the samples.
        searched_share: share of the batches that also hold the flow of DIS; the others use only the learned flow.
        synthetic_share: share of the batches that are synthetic; the others are from footage.
        target_weight: weight of the error of the flow against its targets, which is added to the image loss.
        prefix_weight: weight of the loss of a second image, made by a random number of the first blocks. With this
            loss, each block learns to improve on the block before it.
        pairs: pairs of frames that are precomputed before the run starts; only for networks with `search`.
        crops_per_pair: crops of each of these pairs.
        average_decay: decay of the running mean of the weights, per step.
    """

    config: AprConfig
    minutes: float
    seed: int
    trains: tuple[Part, ...]
    learning_rate: float
    final_rate: float
    crop: int
    batch: int
    gaps: Gaps
    whole_share: float = 0.0
    routed_share: float = 0.0
    unrefined_share: float = 0.0
    keep_ratios: tuple[float, ...] = PAPER_KEEP_RATIOS
    reconstruction: Literal["charbonnier", "relative"] = "charbonnier"
    census_weight: float = 0.1
    route_weight: float = 0.01
    curriculum: float = 0.0
    colour: bool = False
    searched_share: float = 1.0
    synthetic_share: float = 0.0
    target_weight: float = 1.0
    prefix_weight: float = 0.0
    pairs: int = 4000
    crops_per_pair: int = 4
    warm_up_steps: int = 200
    weight_decay: float = 1e-4
    average_decay: float = 0.998

    def __post_init__(self) -> None:
        if self.crop % self.config.patch:
            raise ValueError(f"crop {self.crop} must be a multiple of the patch size {self.config.patch}")
        shares = (self.whole_share, self.routed_share, self.unrefined_share)
        if not 0 <= sum(shares) <= 1:
            raise ValueError(f"the shares of the batches must be from 0 to 1 in total: {shares}")
        if self.config.flow != "features" and self.unrefined_share:
            raise ValueError("unrefined_share needs a network whose flow is corrected at t")


def lite_flow(minutes: float, seed: int = 0) -> Recipe:
    """Step 1 of `lite`: trains the flow of the pair, its correction at t, and the gate, on targets and on images."""
    return Recipe(
        config=LITE,
        minutes=minutes,
        seed=seed,
        trains=("flow", "intermediate", "gate"),
        unrefined_share=1.0,
        learning_rate=1e-3,
        final_rate=2e-5,
        crop=192,
        batch=8,
        gaps=LITE_GAPS,
        reconstruction="relative",
        census_weight=0.0,
        target_weight=0.3,
        searched_share=0.6,
        synthetic_share=0.15,
    )


def lite_patches(minutes: float, seed: int = 0) -> Recipe:
    """Step 2 of `lite`, stage 2 of the paper: trains the synthesis, all blocks on 64x64 patches. The flow is frozen."""
    return Recipe(
        config=LITE,
        minutes=minutes,
        seed=seed,
        trains=("context", "synthesis"),
        learning_rate=1e-3,
        final_rate=1e-5,
        crop=192,
        batch=8,
        gaps=LITE_GAPS,
        reconstruction="relative",
        census_weight=0.0,
        prefix_weight=0.3,
    )


def lite(minutes: float, seed: int = 0) -> Recipe:
    """Step 3 of `lite`, stage 3 of the paper: trains all parts.

    One set of weights must serve every keep ratio, and also work without synthesis. The image loss trains the router
    too, as in the paper. (In an earlier network without residual blocks, this loss made the router pass every patch.)
    """
    return replace(
        lite_patches(minutes, seed),
        trains=("flow", "intermediate", "context", "synthesis", "gate", "router"),
        learning_rate=3e-4,
        routed_share=0.25,
        unrefined_share=0.35,
        target_weight=0.05,
        searched_share=0.9,
        route_weight=0.1,
    )


def base_flow(minutes: float, seed: int = 0) -> Recipe:
    """Step before stage 1 of `base`: trains the flow on footage (teacher) and on synthetic motion (true flow)."""
    return Recipe(
        config=BASE,
        minutes=minutes,
        seed=seed,
        trains=("flow",),
        learning_rate=4e-4,
        final_rate=1e-5,
        crop=256,
        batch=16,
        gaps=((2, 0.4), (4, 0.3), (6, 0.2), (8, 0.1)),
        curriculum=0.3,
        colour=True,
        synthetic_share=0.5,
    )


def base_static(minutes: float, seed: int = 0) -> Recipe:
    """Stage 1 of `base`: trains all parts but the router, on whole crops. The gaps are strides 1 to 4 of triplets."""
    return Recipe(
        config=BASE,
        minutes=minutes,
        seed=seed,
        trains=("flow", "context", "synthesis"),
        learning_rate=2e-4,
        final_rate=2e-5,
        crop=256,
        batch=16,
        gaps=((2, 0.5), (4, 0.25), (6, 0.15), (8, 0.1)),
        whole_share=1.0,
        curriculum=0.3,
        colour=True,
    )


def base_patches(minutes: float, seed: int = 0) -> Recipe:
    """Stage 2 of `base`: trains on 64x64 patches, which see zeros beyond their border; the flow is frozen."""
    return replace(base_static(minutes, seed), trains=("context", "synthesis"), whole_share=0.0, curriculum=0.0)


def base_joint(minutes: float, seed: int = 0) -> Recipe:
    """Stage 3 of `base`: trains the router too.

    Some batches stay static, so that one set of weights serves every keep ratio.
    """
    return replace(base_patches(minutes, seed), trains=("context", "synthesis", "router"), routed_share=0.75)


RECIPES: dict[str, Callable[..., Recipe]] = {
    "lite-flow": lite_flow,
    "lite-patches": lite_patches,
    "lite": lite,
    "base-flow": base_flow,
    "base-static": base_static,
    "base-patches": base_patches,
    "base-joint": base_joint,
}
"""Name on the command line -> recipe, a function of the minutes and a seed."""
