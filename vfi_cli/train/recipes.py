"""Recipes: functions that return a whole training configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from vfi_cli.model.config import BASE, LITE, PAPER_KEEP_RATIOS, AprConfig

Gaps = tuple[tuple[int, float], ...]
"""(frames from the left to the right frame of a pair, share of the pairs), from small to large."""

LITE_GAPS: Gaps = ((2, 0.4), (3, 0.05), (4, 0.3), (6, 0.15), (8, 0.1))

Part = Literal["flow", "intermediate", "context", "synthesis", "gate", "router"]


@dataclass(frozen=True)
class Recipe:
    """One training run; it lasts `minutes` whatever the machine, the schedule follows the clock.

    trains: parts of the network that learn; the others are frozen.
    whole_share, routed_share: share of the batches that run whole crops (stage 1 of the paper), and that run routed
        patches and train the router (stage 3); the patches of the others run all blocks (stage 2).
    unrefined_share: share of the batches that train flow and gate without synthesis, see `step.MotionStep`.
    reconstruction: "charbonnier" (paper) or "relative", the logarithm of the squared error.
    census_weight, route_weight: of the census loss and of the L1 distance to the reference route (paper, eq. 4).
    gaps: frames from one end of a pair to the other, and how often; larger gaps are larger motion.
    curriculum: share of the run in which motion grows from the smallest to all of it.
    colour: whether the samples change colours as well.
    searched_share: share of the batches that have a searched flow beside the learned one.
    synthetic_share: share of the batches that are drawn rather than filmed.
    target_weight: of the error of the flow against its targets, beside the loss of the picture.
    prefix_weight: of the loss of the picture that a random number of blocks makes; each is to better the one before.
    pairs, crops_per_pair: how much is prepared before the clock starts, where there is a search.
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
            raise ValueError(f"shares of the batches, at most 1 together: {shares}")
        if self.config.flow != "features" and self.unrefined_share:
            raise ValueError("only a flow that is corrected at t is used without synthesis")


def lite_flow(minutes: float, seed: int = 0) -> Recipe:
    """First of `lite`: flow of the pair and at t, and the gate, from targets and the picture."""
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
    """Stage 2 of the paper: the synthesis of `lite`, all blocks on patches of 64x64, the flow is frozen."""
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
    """Stage 3: all of `lite`. One set of weights is to serve every keep ratio, and no synthesis at all.

    The picture teaches the router too, as in the paper. With the plain blocks of before, that made it pass everything.
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
    """Before stage 1: the flow of `base`, by the teacher's on film and by the true one of synthetic motion."""
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
    """Stage 1 of `base`: all but the router, the flow too, on whole crops. Gaps are strides 1 to 4 of triplets."""
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
    """Stage 2: on patches of 64x64, which see zeros beyond their border; the flow is frozen."""
    return replace(base_static(minutes, seed), trains=("context", "synthesis"), whole_share=0.0, curriculum=0.0)


def base_joint(minutes: float, seed: int = 0) -> Recipe:
    """Stage 3: the router too. Some batches stay static, so that one set of weights serves every keep ratio."""
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
"""By the name on the command line; each takes minutes and a seed."""
