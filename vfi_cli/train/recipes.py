"""Recipes: functions that return a whole training configuration."""

from __future__ import annotations

from dataclasses import dataclass

from vfi_cli.model.config import LITE, PAPER_KEEP_RATIOS, AprConfig


@dataclass(frozen=True)
class Recipe:
    """One training run; it lasts `minutes` whatever the machine, the schedule follows the clock.

    pairs, crops_per_pair: how much is prepared before the clock starts, see `samples.AlignedCrops`.
    routed_share: share of the batches that run routed, and train the router; all patches of the others run all
        blocks.
    """

    config: AprConfig
    minutes: float
    learning_rate: float
    final_rate: float
    routed_share: float
    route_weight: float
    pairs: int = 4000
    crops_per_pair: int = 4
    crop: int = 128
    batch: int = 16
    warm_up_steps: int = 200
    weight_decay: float = 1e-4
    keep_ratios: tuple[float, ...] = PAPER_KEEP_RATIOS
    average_decay: float = 0.998
    seed: int = 0

    def __post_init__(self) -> None:
        if self.crop % self.config.patch:
            raise ValueError(f"crop {self.crop} must be a multiple of the patch size {self.config.patch}")


def lite(minutes: float, seed: int = 0) -> Recipe:
    """`lite` from zero: stages 2 and 3 of the paper at once, on patches of 64x64; the flow is DIS and does not learn.

    A third of the batches is routed by straight-through Gumbel-softmax, the others train the static network. The
    route loss weighs 0.1: a relative error takes the place of an absolute one, and is larger.
    """
    return Recipe(
        config=LITE,
        minutes=minutes,
        learning_rate=4e-4,
        final_rate=1e-5,
        routed_share=0.33,
        route_weight=0.1,
        seed=seed,
    )


RECIPES = {"lite": lite}
