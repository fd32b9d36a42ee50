from __future__ import annotations

import pytest
import torch

from tests.train.packs import TINY, tiny
from vfi_cli.engine.device import Runtime
from vfi_cli.model.apr import Apr
from vfi_cli.train.recipes import RECIPES
from vfi_cli.train.team import Team
from vfi_cli.train.trainer import Trainer, learning_rate


@pytest.mark.parametrize("name", RECIPES)
def test_rate_warms_up_then_falls_along_a_cosine(name: str) -> None:
    recipe = RECIPES[name](10)
    peak, final, warm = recipe.learning_rate, recipe.final_rate, recipe.warm_up_steps
    assert learning_rate(recipe, 0, 0) == pytest.approx(peak / warm)
    assert learning_rate(recipe, warm // 2 - 1, 0) == pytest.approx(peak / 2)
    assert learning_rate(recipe, warm, 0) == pytest.approx(peak)
    assert learning_rate(recipe, warm, 0.5) == pytest.approx((peak + final) / 2)
    assert learning_rate(recipe, warm, 1) == learning_rate(recipe, warm, 1.01) == pytest.approx(final)


def test_only_the_parts_of_the_recipe_learn() -> None:
    trainer = Trainer(tiny(1, trains=("router",)), Apr(TINY), Runtime(torch.device("cpu"), torch.float32), Team())
    learning = {name.split(".")[0] for name, value in trainer.model.named_parameters() if value.requires_grad}
    assert learning == {"router"}


@pytest.mark.parametrize(
    ("change", "says"),
    [({"crop": 48}, "multiple"), ({"routed_share": 1.1}, "shares"), ({"trains": ("flow",)}, "DIS")],
    ids=str,
)
def test_refuses_a_recipe_that_cannot_be(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        tiny(1, **change)
