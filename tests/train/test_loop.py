from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vfi_cli import weights
from vfi_cli.model.config import LITE
from vfi_cli.train import loop
from vfi_cli.train.loop import learning_rate, train
from vfi_cli.train.recipes import RECIPES, Recipe

TINY = replace(LITE, feature=8, context=8, widths=(8, 8), patch=32)
SECONDS = 2.5


def tiny(**changes: object) -> Recipe:
    recipe = RECIPES["lite"](SECONDS / 60)
    small = {
        "config": TINY,
        "crop": 32,
        "batch": 4,
        "pairs": 8,
        "crops_per_pair": 2,
        "warm_up_steps": 1,
        "average_decay": 0.5,
    }
    return replace(recipe, **(small | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", RECIPES)
def test_rate_warms_up_then_falls_along_a_cosine(name: str) -> None:
    recipe = RECIPES[name](10)
    peak, final, warm = recipe.learning_rate, recipe.final_rate, recipe.warm_up_steps
    assert learning_rate(recipe, 0, 0) == pytest.approx(peak / warm)
    assert learning_rate(recipe, warm // 2 - 1, 0) == pytest.approx(peak / 2)
    assert learning_rate(recipe, warm, 0) == pytest.approx(peak)
    assert learning_rate(recipe, warm, 0.5) == pytest.approx((peak + final) / 2)
    assert learning_rate(recipe, warm, 1) == learning_rate(recipe, warm, 1.01) == pytest.approx(final)


@pytest.mark.parametrize("change", [{"crop": 48}])
def test_refuses_a_recipe_whose_crops_do_not_fit(change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="multiple"):
        tiny(**change)


@pytest.fixture
def windows() -> list[np.ndarray]:
    """Frames that stand still, and a flash between them that no average shows."""
    draw = np.random.default_rng(0)
    still = draw.integers(0, 150, (2, 40, 48, 3)).astype(np.uint8)
    return [np.stack([frame, frame + 60, frame]) for frame in still]


@pytest.fixture
def every_step_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """And takes as long on every machine: the clock ticks when it is read."""
    ticks = itertools.count(step=0.02)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    monkeypatch.setattr(loop, "LOG_SECONDS", 0)


@pytest.mark.usefixtures("every_step_is_logged")
def test_a_short_run_learns_and_writes_weights(windows: list[np.ndarray], tmp_path: Path) -> None:
    out = tmp_path / "tiny.safetensors"
    trained = train(tiny(learning_rate=1e-2), windows, out)
    records = [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]
    losses = [record[name] for record in records for name in ("static", "routed") if name in record]
    assert len(losses) >= 8
    assert np.mean(losses[-3:]) < np.mean(losses[:3])

    loaded = weights.load(str(out))
    assert loaded.config == TINY
    for name, value in trained.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value.half().float().cpu()), name


@pytest.mark.usefixtures("every_step_is_logged")
def test_goes_on_from_weights(windows: list[np.ndarray], tmp_path: Path) -> None:
    start, out = tmp_path / "start.safetensors", tmp_path / "out.safetensors"
    torch.manual_seed(1)
    weights.save(loop.Apr(TINY), start)
    recipe = tiny(minutes=1 / 60, routed_share=1.0, learning_rate=1e-6, final_rate=1e-6)
    trained = train(recipe, windows, out, weights.load(str(start)))
    record = json.loads(out.with_suffix(".jsonl").read_text().splitlines()[0])
    assert set(record) >= {"routed", "route", "progress", "step"}
    before = weights.load(str(start)).state_dict()
    moved = {name: (value - before[name]).abs().max().item() for name, value in trained.state_dict().items()}
    assert all(distance < 1e-2 for distance in moved.values())
    assert moved["router.linear.weight"] > 0
