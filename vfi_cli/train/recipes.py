"""Recipes: functions that return a whole training configuration."""

from __future__ import annotations

from dataclasses import dataclass

from vfi_cli.model.config import LITE, PAPER_KEEP_RATIOS, AprConfig


@dataclass(frozen=True)
class Recipe:
    """One training run; it lasts `minutes` whatever the machine, the schedule follows the clock.

    routed_from: share of the time after which half of the batches run routed and the router learns; before that
        all patches run all blocks.
    """

    config: AprConfig
    minutes: float
    crop: int = 128
    batch: int = 16
    crops_per_pair: int = 4
    learning_rate: float = 1e-3
    final_rate: float = 1e-5
    warm_up_steps: int = 200
    weight_decay: float = 1e-4
    routed_from: float = 0.5
    route_weight: float = 0.01
    keep_ratios: tuple[float, ...] = PAPER_KEEP_RATIOS
    average_decay: float = 0.999
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch % self.crops_per_pair or self.crop % self.config.patch:
            raise ValueError("batch must be a multiple of crops_per_pair, crop of the patch size")


def lite(minutes: float) -> Recipe:
    """`lite` from zero on a CPU: everything but the flow, which is DIS and does not learn."""
    return Recipe(config=LITE, minutes=minutes)
