from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.model.networks import SMALL
from tests.train.data.test_batch import sample
from tests.train.packs import TINY, tiny
from vfi_cli.engine.device import Runtime
from vfi_cli.model.apr import Apr
from vfi_cli.train.learn.ranks import Ranks
from vfi_cli.train.learn.step import Mode
from vfi_cli.train.learn.trainer import Trainer, learning_rate
from vfi_cli.train.recipes import RECIPES


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
    trainer = Trainer(tiny(1, trains=("router",)), Apr(TINY), Runtime(torch.device("cpu"), torch.float32), Ranks())
    learning = {name.split(".")[0] for name, value in trainer.model.named_parameters() if value.requires_grad}
    assert learning == {"router"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"crop": 48}, "multiple"),
        ({"routed_share": 1.1}, "shares"),
        ({"unrefined_share": 0.1}, "corrected at t"),
    ],
    ids=str,
)
def test_refuses_an_invalid_recipe(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(RECIPES["base-joint"](1), **change)  # type: ignore[arg-type]


def test_a_step_that_cannot_be_compiled_runs_uncompiled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no compiler\nand more")

    runtime = Runtime(torch.device("cpu"), torch.float32)
    torch.manual_seed(0)
    plain = Trainer(tiny(60), Apr(TINY), runtime, Ranks())
    expected = plain.step(sample(), "patches", 0.5)["static"]
    torch.manual_seed(0)
    fragile = Trainer(tiny(60), Apr(TINY), runtime, Ranks())
    monkeypatch.setattr(fragile._compiled, "enabled", True)
    monkeypatch.setattr(fragile._compiled, "_compiled_forward", broken)
    for _ in range(2):
        measured = fragile.step(sample(), "patches", 0.5)
        assert torch.equal(measured["static"], expected) or fragile.step_number == 2
    assert [record.getMessage() for record in caplog.records] == [
        "the step cannot be compiled and runs slower: no compiler"
    ]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("mode", ["whole", "patches"])
def test_the_compiled_step_on_a_gpu_gives_the_loss_of_the_cpu(mode: Mode) -> None:
    config = replace(SMALL["base"], feature=8, context=4, widths=(8, 8))
    recipe = replace(RECIPES["base-static"](60), config=config, crop=32)
    losses = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        trainer = Trainer(recipe, Apr(config), Runtime(torch.device(device), torch.float32), Ranks())
        batch = sample()._replace(flow=None, target=None, error=None, searched=None)
        losses.append([trainer.step(batch, mode, 0.5)["static"].item() for _ in range(3)])
        assert trainer._compiled.enabled == (device == "cuda")
    assert losses[1] == pytest.approx(losses[0], rel=2e-3)
