"""Each stage of training works: a short, tiny run of its recipe improves the metric of the stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.model.networks import SMALL
from vfi_cli.engine.device import Runtime
from vfi_cli.model.apr import Apr
from vfi_cli.model.flow import FlowNet
from vfi_cli.train.data.batch import Batch
from vfi_cli.train.data.synthetic import Synthetic
from vfi_cli.train.data.windows import Window
from vfi_cli.train.learn.ranks import Ranks
from vfi_cli.train.learn.step import Mode, SynthesisStep, prefix
from vfi_cli.train.learn.trainer import Trainer
from vfi_cli.train.recipes import RECIPES, Recipe

CPU = torch.device("cpu")
TOY = replace(SMALL["base"], feature=8, context=4, widths=(8, 8), router=(4, 4))
SIZE = 48


def toy(name: str, **changes: object) -> Recipe:
    small = {"config": TOY, "crop": SIZE, "warm_up_steps": 1, "learning_rate": 3e-3, "final_rate": 3e-3}
    return replace(RECIPES[name](1), **(small | changes))  # type: ignore[arg-type]


def trainer(recipe: Recipe, teacher: FlowNet | None = None) -> Trainer:
    torch.manual_seed(0)
    return Trainer(recipe, Apr(recipe.config), Runtime(CPU, torch.float32), Ranks(), teacher)


def flash(count: int = 4) -> Batch:
    """Smooth still images, with a brighter true frame that no average can give."""
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 0.7
    still = F.interpolate(coarse, (SIZE, SIZE), mode="bilinear")
    return Batch(still, still, still + 0.2, torch.full((count, 1, 1, 1), 0.5))


def moving(count: int = 4) -> Batch:
    stills = [np.random.default_rng(k).integers(0, 256, (1, 60, 60, 3), np.uint8) for k in range(4)]
    windows = [Window(str(k), 3, 60, 60, lambda still=still: still.repeat(3, 0)) for k, still in enumerate(stills)]
    synthetic = Synthetic(windows, size=SIZE, seed=0, device=CPU)
    return synthetic.draw(count, np.random.default_rng(0), 1.0)


def run(subject: Trainer, batch: Batch, mode: Mode, steps: int) -> list[dict[str, float]]:
    measured = []
    for number in range(steps):
        torch.manual_seed(number)
        measured.append({name: x.item() for name, x in subject.step(batch, mode, 0.5).items()})
    return measured


def changed(subject: Trainer, steps: int, batch: Batch, mode: Mode) -> tuple[set[str], list[dict[str, float]]]:
    """The parts whose weights changed after some steps, and the metrics of the steps."""
    before = {name: value.clone() for name, value in subject.model.state_dict().items()}
    measured = run(subject, batch, mode, steps)
    after = subject.model.state_dict()
    return {name.split(".")[0] for name, value in before.items() if not torch.equal(value, after[name])}, measured


def test_base_flow_approaches_the_flow_of_the_teacher() -> None:
    torch.manual_seed(5)
    teacher = FlowNet().requires_grad_(False)
    teacher.to_flow.weight.mul_(5)
    subject = trainer(toy("base-flow", learning_rate=1e-3), teacher)
    parts, measured = changed(subject, 15, moving()._replace(flow=None), "patches")
    assert parts == {"flow"}
    assert measured[-1]["teacher_error"] < 0.6 * measured[0]["teacher_error"]


def test_base_flow_approaches_the_true_flow() -> None:
    """The images move 4 pixels left or right, so a network that ignores its input has an error of 4 or more."""
    draw = torch.Generator().manual_seed(0)
    still = F.interpolate(torch.rand(4, 3, 24, 24, generator=draw), (SIZE, SIZE), mode="bilinear")
    steps = torch.tensor([4, -4, 4, -4])
    flow = torch.zeros(4, 4, SIZE, SIZE)
    flow[:, 0], flow[:, 2] = steps.view(-1, 1, 1), -steps.view(-1, 1, 1)
    moved = torch.stack([image.roll(int(step), 2) for image, step in zip(still, steps, strict=True)])
    batch = Batch(still, moved, still, torch.full((4, 1, 1, 1), 0.5), flow=flow)
    subject = trainer(toy("base-flow", learning_rate=1e-3, final_rate=1e-3), FlowNet().requires_grad_(False))
    errors = [line["synthetic_error"] for line in run(subject, batch, "patches", 45)]
    assert errors[0] == pytest.approx(4, abs=0.1) and np.mean(errors[-10:]) < 2


def shifted(count: int = 8) -> Batch:
    """Textures that move 4 pixels to the right or left, with the matching targets."""
    draw = torch.Generator().manual_seed(0)
    still = F.interpolate(torch.rand(count, 3, 24, 24, generator=draw), (64, 64), mode="bilinear")
    steps = torch.tensor([4, -4] * (count // 2))
    moved = [
        torch.stack([image.roll(int(way * step), 2) for image, step in zip(still, steps, strict=True)])
        for way in (-0.5, 0.5)
    ]
    half = steps.float().view(-1, 1, 1).expand(-1, 16, 16) / 8
    target = torch.stack((-half, 0 * half, half, 0 * half), 1)
    return Batch(moved[0], moved[1], still, torch.full((count, 1, 1, 1), 0.5), target, torch.zeros(count, 2, 16, 16))


def test_lite_flow_approaches_its_targets() -> None:
    subject = trainer(replace(RECIPES["lite-flow"](1), config=SMALL["lite"], crop=64, warm_up_steps=1))
    parts, measured = changed(subject, 60, shifted(), "unrefined")
    assert parts == {"flow", "intermediate", "gate"}
    assert measured[-1]["pair_error"] < 0.6 * measured[0]["pair_error"]
    assert measured[-1]["target_error"] < 0.6 * measured[0]["target_error"]


def test_targets_with_a_large_photometric_error_are_ignored() -> None:
    """Opposite targets for the same frames: the step learns only the one whose error is 0."""
    good = shifted()
    both = Batch(*(None if x is None else torch.cat((x, x)) for x in good))  # type: ignore[arg-type]
    assert both.target is not None and both.error is not None
    both.target[8:] *= -1
    both.error[8:] = 1.0
    losses = [
        trainer(replace(RECIPES["lite-flow"](1), config=SMALL["lite"], crop=64)).step(batch, "unrefined", 0.5)
        for batch in (good, both)
    ]
    for name, value in losses[0].items():
        torch.testing.assert_close(losses[1][name], value, atol=1e-3, rtol=1e-3)


def test_unrefined_batches_train_only_flow_and_gate() -> None:
    recipe = replace(RECIPES["lite"](1), config=SMALL["lite"], crop=64, warm_up_steps=1, learning_rate=1e-3)
    subject = trainer(recipe)
    before = {name: value.clone() for name, value in subject.model.state_dict().items()}
    parts, measured = changed(subject, 40, shifted(), "unrefined")
    assert parts == {"flow", "intermediate", "gate"}
    assert measured[-1]["average"] < measured[0]["average"] - 0.3
    idle = [name for name, value in subject.model.state_dict().items() if torch.equal(value, before[name])]
    assert not [name for name in idle if name.split(".")[0] in parts]  # includes the flow of the pair


def test_prefix_equals_a_route_that_skips_the_later_blocks() -> None:
    """Training on a prefix thus trains the routes that skip the later blocks."""
    torch.manual_seed(0)
    model = Apr(SMALL["lite"])
    torch.nn.init.normal_(model.synthesis.head.weight)
    contexts = [(torch.rand(1, 16, 16, 16), torch.rand(1, 16, 16, 16)) for _ in range(5)]
    features = model.synthesis.features(contexts, torch.ones(1, 1, 4))
    seen = set()
    for seed in range(12):
        torch.manual_seed(seed)
        ran = int(torch.randint(1, 5, ()))
        route = (torch.arange(4) < ran - 1).float().view(1, 1, 4)
        torch.manual_seed(seed)
        packed = model.synthesis.fuse(prefix(features), 16, 16)
        torch.testing.assert_close(packed, model.synthesis(contexts, route), atol=1e-5, rtol=1e-4)
        seen.add(ran)
    assert seen == {1, 2, 3, 4}


@pytest.mark.parametrize("mode", ["unrefined", "patches", "routed"])
def test_the_steps_of_lite_compile_as_one_graph(mode: Mode) -> None:
    """Only then torch.compile is faster on a GPU."""
    torch._dynamo.reset()
    torch.manual_seed(0)
    step = SynthesisStep(Apr(SMALL["lite"]), replace(RECIPES["lite"](1), config=SMALL["lite"], crop=64))
    captured = torch.compile(step.forward, backend="eager", fullgraph=True)
    losses = []
    for forward in (step.forward, captured):
        torch.manual_seed(0)
        losses.append(forward(shifted(), mode)[0])
    torch.testing.assert_close(losses[0], losses[1])


@pytest.mark.parametrize(
    ("name", "mode", "learning"),
    [
        ("base-static", "whole", {"flow", "context", "synthesis"}),
        ("base-patches", "patches", {"context", "synthesis"}),
    ],
)
def test_the_static_stages_reconstruct_better(name: str, mode: Mode, learning: set[str]) -> None:
    parts, measured = changed(trainer(toy(name)), 30, flash(), mode)
    assert parts == learning
    assert measured[-1]["static"] < 0.7 * measured[0]["static"]
    assert measured[-1]["static_gain"] > measured[0]["static_gain"] + 1


def half_moved(count: int = 8) -> Batch:
    """Still images in which half of the patches are noise in frame 1, so that nothing matches."""
    draw = torch.Generator().manual_seed(0)
    still = F.interpolate(torch.rand(count, 3, 4, 4, generator=draw), (SIZE, SIZE), mode="bilinear")
    moved = (torch.rand(count, 1, SIZE // TOY.patch, SIZE // TOY.patch, generator=draw) < 0.5).float()
    noise = torch.rand(count, 3, SIZE, SIZE, generator=draw)
    frame_1 = torch.lerp(still, noise, F.interpolate(moved, (SIZE, SIZE)))
    return Batch(still, frame_1, still, torch.full((count, 1, 1, 1), 0.5))


def test_the_joint_stage_trains_the_router_and_reconstructs_better() -> None:
    """The keep ratio is fixed, so a router that ignores its input is wrong for half of the patches."""
    recipe = toy("base-joint", route_weight=1.0, learning_rate=1e-2, keep_ratios=(0.5,) * 4)
    parts, measured = changed(trainer(recipe), 40, half_moved(), "routed")
    assert parts == {"context", "synthesis", "router"}
    assert measured[0]["route"] > 0.4 and measured[-1]["route"] < 0.25
    assert measured[-1]["routed"] < 0.8 * measured[0]["routed"]
