from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.train.packs import TINY, tiny, write_pack
from vfi_cli import weights
from vfi_cli.errors import InputError, ModelError, OutputError, UsageError
from vfi_cli.model.apr import Apr
from vfi_cli.model.config import BASE
from vfi_cli.model.flow import FlowNet
from vfi_cli.train.learn.state import load_state
from vfi_cli.train.learn.step import Metrics
from vfi_cli.train.learn.teacher import published_name
from vfi_cli.train.learn.trainer import Trainer
from vfi_cli.train.recipes import RECIPES
from vfi_cli.train.run import loop, report
from vfi_cli.train.run.loop import Outcome, TrainJob, run
from vfi_cli.train.run.report import RunFolder


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "pack")


class Stage:
    """A fake clock, on which each step takes 0.1 s, and signals to send at given steps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.signals: dict[int, signal.Signals] = {}
        self._step = loop._step

    def step(self, trainer: Trainer, *rest: Any) -> Metrics:
        if kind := self.signals.pop(trainer.step_number, None):
            os.kill(os.getpid(), kind)
        self.seconds += 0.1
        return self._step(trainer, *rest)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()
    monkeypatch.setattr(loop, "_step", stage.step)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: stage.seconds))
    monkeypatch.setattr(report, "LOG_SECONDS", 0)
    monkeypatch.setattr(
        "vfi_cli.engine.device.available_cpus", lambda: 1
    )  # tensors are tiny, so more threads would only wait
    return stage


def records(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in RunFolder(out).metrics.read_text().splitlines()]


@pytest.mark.usefixtures("stage")
def test_a_short_run_learns_and_writes_all_files_of_its_folder(pack: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs" / "a"
    recipe = tiny(4, learning_rate=1e-2)
    assert run(TrainJob(recipe, (pack,), out, device="cpu")) == Outcome(1.0, None)
    lines = records(out)
    losses = [line[name] for line in lines for name in ("static", "routed") if name in line]
    assert len(losses) > 30 and np.mean(losses[-5:]) < np.mean(losses[:5])
    held_out = [line["held_out_static_gain"] for line in lines if "held_out_static_gain" in line]
    assert len(held_out) == 2 and held_out[1] > held_out[0] + 1
    assert {"step", "minutes", "held_out_average_psnr", "held_out_routed_gain"} <= set(lines[-1])

    loaded = weights.load(str(RunFolder(out).weights))
    assert loaded.config == TINY
    tensors, about = load_state(RunFolder(out).state)
    for name, value in loaded.state_dict().items():
        assert torch.equal(tensors[f"average.{name}"].half().float(), value), name
    assert about["recipe"]["batch"] == 4 and about["step"] == lines[-1]["step"]
    for picture in (RunFolder(out).curves, RunFolder(out).sheet(0), RunFolder(out).sheet(about["step"])):
        assert cv2.imread(str(picture)).std() > 10


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT], ids=lambda kind: kind.name)
def test_a_resumed_run_gives_the_same_result_as_an_uninterrupted_one(
    pack: Path, tmp_path: Path, stage: Stage, kind: signal.Signals
) -> None:
    recipe = tiny(2, curriculum=0.5)
    whole, parts = (
        TrainJob(recipe, (pack,), tmp_path / name, device="cpu", resume=True) for name in ("whole", "parts")
    )
    assert run(whole) == Outcome(1.0, None)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    stage.signals[7] = kind
    assert run(parts) == Outcome(pytest.approx(0.4), kind)
    assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert load_state(RunFolder(parts.out).state)[1]["step"] == 8

    with RunFolder(parts.out).metrics.open("a") as file:
        file.write(json.dumps({"step": 9, "lost": 1.0}) + "\n")  # of a step after the saved state
    assert run(parts) == Outcome(1.0, None)
    one, other = (load_state(RunFolder(job.out).state) for job in (whole, parts))
    assert one[1]["step"] == other[1]["step"] == 20
    assert one[0].keys() == other[0].keys() and any(name.startswith("optimiser.") for name in one[0])
    for name, value in one[0].items():
        assert torch.equal(value, other[0][name]), name
    steps = [line["step"] for line in records(parts.out)]
    assert steps == sorted(steps) and not any("lost" in line for line in records(parts.out))


@pytest.mark.usefixtures("stage")
def test_starts_from_given_weights(pack: Path, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    torch.manual_seed(1)
    weights.save(Apr(TINY), start)
    recipe = tiny(1, routed_share=1.0, unrefined_share=0.0, learning_rate=1e-6, final_rate=1e-6)
    run(TrainJob(recipe, (pack,), tmp_path / "out", start=str(start), device="cpu"))
    before, after = (weights.load(str(path)).state_dict() for path in (start, RunFolder(tmp_path / "out").weights))
    assert all((after[name] - value).abs().max() < 1e-2 for name, value in before.items())
    tensors, _ = load_state(RunFolder(tmp_path / "out").state)
    assert not torch.equal(tensors["model.router.linear.weight"], before["router.linear.weight"])


def test_refuses_to_overwrite_a_run_or_to_resume_with_another_recipe(pack: Path, tmp_path: Path, stage: Stage) -> None:
    job = TrainJob(tiny(0.3), (pack,), tmp_path / "out", device="cpu")
    run(job)
    with pytest.raises(OutputError, match="holds a run") as caught:
        run(job)
    assert "--resume" in caught.value.remedy
    other = replace(job, recipe=replace(job.recipe, batch=2, seed=1), resume=True)
    with pytest.raises(UsageError, match="batch, seed"):
        run(other)
    longer = replace(job, recipe=replace(job.recipe, minutes=2 * job.recipe.minutes), resume=True)
    assert run(longer) == Outcome(1.0, None)


def test_refuses_weights_of_another_network(pack: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="another network"):
        run(TrainJob(tiny(1), (pack,), tmp_path / "out", start="lite", device="cpu"))


def test_refuses_clips_smaller_than_the_crops(pack: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="40 pixels at most, the crops need 64"):
        run(TrainJob(tiny(1, crop=64), (pack,), tmp_path / "out", device="cpu"))


@pytest.mark.usefixtures("stage")
def test_a_run_that_diverges_ends_with_an_error_and_keeps_its_last_state(pack: Path, tmp_path: Path) -> None:
    job = TrainJob(tiny(0.3), (pack,), tmp_path / "out", device="cpu")
    run(job)
    before = RunFolder(job.out).state.read_bytes()
    worse = replace(job, recipe=replace(job.recipe, minutes=1), resume=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop.Trainer, "step", lambda self, *_: {"static": torch.tensor(float("nan"))})
        with pytest.raises(ModelError, match="diverged: static"):
            run(worse)
    assert RunFolder(job.out).state.read_bytes() == before


@pytest.mark.usefixtures("stage")
def test_weights_that_are_not_finite_are_never_saved(pack: Path, tmp_path: Path) -> None:
    """The weights become NaN between two log lines, when the loss is not checked."""
    job = TrainJob(tiny(0.3), (pack,), tmp_path / "out", device="cpu")
    run(job)
    before = [RunFolder(job.out).state.read_bytes(), RunFolder(job.out).weights.read_bytes()]

    def break_down(self: loop.Trainer, *_: object) -> dict[str, torch.Tensor]:
        next(self.average.parameters()).data.fill_(float("nan"))
        return {"static": torch.tensor(1.0)}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop.Trainer, "step", break_down)
        patch.setattr(report, "STATE_SECONDS", 0)
        with pytest.raises(ModelError, match="diverged: a weight"):
            run(replace(job, recipe=replace(job.recipe, minutes=1), resume=True))
    assert [RunFolder(job.out).state.read_bytes(), RunFolder(job.out).weights.read_bytes()] == before


def test_each_stage_of_base_starts_from_the_weights_of_the_stage_before(tmp_path: Path, stage: Stage) -> None:
    """The stages are run in the order that CONTRIBUTING gives."""
    pack, teacher = write_pack(tmp_path / "pack", size=(64, 64)), tmp_path / "teacher.safetensors"
    save_file({published_name(name): value for name, value in FlowNet().state_dict().items()}, teacher)
    config = replace(BASE, feature=8, context=4, widths=(8, 8), patch=32)
    start: str | None = None
    for name in ("base-flow", "base-static", "base-patches", "base-joint"):
        recipe = replace(RECIPES[name](0.2 / 60), config=config, crop=64, batch=2)
        learns = recipe.trains == ("flow",)
        job = TrainJob(recipe, (pack,), tmp_path / name, start, teacher if learns else None, device="cpu")
        assert run(job) == Outcome(1.0, None)
        before, after = (records(job.out)[k] for k in (0, -1))
        assert before["held_out_average_psnr"] > 10 and ("held_out_routed_gain" in after) != learns
        start = str(RunFolder(job.out).weights)
    assert weights.load(start or "").config == config
