from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.model.networks import SMALL
from vfi_cli.errors import ModelError, UsageError
from vfi_cli.model.apr import Apr
from vfi_cli.model.config import AprConfig
from vfi_cli.model.flow import FlowNet
from vfi_cli.train.data.batch import Batch
from vfi_cli.train.learn.step import Mode, SynthesisStep, flow_pyramid, make_step, warp_batch
from vfi_cli.train.learn.teacher import load_teacher, published_name
from vfi_cli.train.recipes import RECIPES

BASE = replace(SMALL["base"], feature=8, context=4, widths=(8, 8))


def batch(size: int = 32, count: int = 2) -> Batch:
    frame_0, frame_1, truth = torch.rand(3, count, 3, size, size, generator=torch.Generator().manual_seed(0))
    return Batch(frame_0, frame_1, truth, torch.full((count, 1, 1, 1), 0.5))


def network(config: AprConfig) -> Apr:
    torch.manual_seed(0)
    return Apr(config)


def test_every_image_of_a_batch_is_warped_to_its_own_time() -> None:
    model, two = network(BASE), batch()
    two = two._replace(t=torch.tensor([0.25, 0.5]).view(2, 1, 1, 1))
    with torch.no_grad():
        model.flow.to_flow.weight.mul_(20)  # type: ignore[union-attr, operator]
        aligned, _ = warp_batch(model, two)
        assert aligned.flow.abs().max() > 1
        for k, t in enumerate((0.25, 0.5)):
            features = [model.extract_features(frame[k : k + 1]) for frame in (two.frame_0, two.frame_1)]
            alone, _ = model.warp(features[0], features[1], model.estimate_flow(*features), t)
            torch.testing.assert_close(aligned.image_1[k : k + 1], alone.image_1, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("mode", ["whole", "patches", "routed"])
def test_the_step_compiled_as_one_graph_gives_the_same_loss(mode: Mode) -> None:
    """The graph has no break, so no part falls back to Python."""
    torch._dynamo.reset()
    step = SynthesisStep(network(BASE), replace(RECIPES["base-joint"](1), config=BASE, crop=32))
    captured = torch.compile(step.forward, backend="eager", fullgraph=True)
    losses = []
    for forward in (step.forward, captured):
        torch.manual_seed(0)
        loss, measured = forward(batch(), mode)
        assert loss.isfinite() and all(value.isfinite() for value in measured.values())
        losses.append(loss)
    torch.testing.assert_close(losses[0], losses[1])


def test_levels_of_a_flow_are_in_pixels_of_their_level() -> None:
    flow = torch.full((1, 4, 64, 32), 8.0)
    coarse, middle, fine = flow_pyramid(flow, 3)
    assert [tuple(level.shape[2:]) for level in (coarse, middle, fine)] == [(4, 2), (8, 4), (16, 8)]
    assert [level.unique().item() for level in (coarse, middle, fine)] == [2, 4, 8]


def test_flow_is_learned_from_the_true_one_or_from_the_teacher() -> None:
    torch.manual_seed(1)
    teacher = FlowNet().requires_grad_(False)
    model = network(BASE)
    step = make_step(model, replace(RECIPES["base-flow"](1), config=BASE), teacher)
    filmed = batch(64)
    loss, measured = step(filmed, "whole")
    loss.backward()
    assert set(measured) == {"teacher_error"} and teacher.to_flow.weight.grad is None
    assert model.flow.to_flow.weight.grad.abs().max() > 0  # type: ignore[union-attr]
    own = model.flow(model.flow.extract_features(filmed.frame_0), model.flow.extract_features(filmed.frame_1)).detach()
    near, far = (step(filmed._replace(flow=flow), "whole")[1]["synthetic_error"] for flow in (own, own + 5))
    assert near < 1 and far == pytest.approx(5 * 2**0.5, abs=1)


def test_a_teacher_is_required_by_some_recipes_and_refused_by_others() -> None:
    with pytest.raises(UsageError, match="--teacher"):
        make_step(network(BASE), replace(RECIPES["base-flow"](1), config=BASE), None)
    with pytest.raises(UsageError, match="no teacher"):
        make_step(network(BASE), replace(RECIPES["base-static"](1), config=BASE), FlowNet())


def test_a_published_network_is_loaded_and_anything_else_refused(tmp_path: Path) -> None:
    path, net = tmp_path / "teacher.safetensors", FlowNet()
    save_file({published_name(name): value for name, value in net.state_dict().items()}, path)
    loaded = load_teacher(path)
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in net.state_dict().items())
    save_file({"a": torch.zeros(1)}, path)
    for wrong in (path, tmp_path / "missing"):
        with pytest.raises(ModelError, match="learn from") as caught:
            load_teacher(wrong)
        assert caught.value.remedy


def test_the_image_loss_trains_the_router() -> None:
    recipe = replace(RECIPES["base-joint"](1), config=BASE, crop=32, route_weight=0)
    model = network(BASE)
    torch.nn.init.normal_(model.synthesis.head.weight, std=0.1)
    torch.manual_seed(0)
    SynthesisStep(model, recipe)(batch(), "routed")[0].backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.router.parameters())
