from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.oracles import flow as oracle
from vfi_cli.model.flow import FlowNet, pyramid
from vfi_cli.train.learn.teacher import load_teacher

TEACHER = Path(os.environ.get("VFI_TEACHER", "teacher"))  # a folder with EBME's published network


@pytest.fixture
def net() -> FlowNet:
    """A network with random weights, large enough for flows of several pixels, so that every level matters."""
    torch.manual_seed(1)
    net = FlowNet().eval().requires_grad_(False)
    for name, parameter in net.named_parameters():
        if name.endswith("weight"):
            torch.nn.init.kaiming_normal_(parameter, a=0.1)
            parameter *= 1.1
    net.to_flow.weight *= 5
    return net


def test_equals_the_oracle_on_three_levels(net: FlowNet) -> None:
    frame_0, frame_1 = torch.rand(2, 1, 3, 32, 48)
    flow = net(net.extract_features(frame_0), net.extract_features(frame_1))[0]
    weights = {name: value.numpy() for name, value in net.state_dict().items()}
    expected = oracle.flow(frame_0[0].double().numpy(), frame_1[0].double().numpy(), 3, weights)
    assert flow.shape == (4, 32, 48) and flow.abs().max() > 2
    torch.testing.assert_close(flow.double(), torch.from_numpy(expected), atol=1e-3, rtol=0)


def test_pairs_of_a_batch_do_not_influence_each_other(net: FlowNet) -> None:
    frames_0, frames_1 = torch.rand(2, 2, 3, 32, 48)
    together = net(net.extract_features(frames_0), net.extract_features(frames_1))
    for k in range(2):
        alone = net(net.extract_features(frames_0[k : k + 1]), net.extract_features(frames_1[k : k + 1]))
        torch.testing.assert_close(together[k], alone[0], atol=1e-3, rtol=0)


@pytest.mark.skipif(not TEACHER.is_dir(), reason="the published weights are not available")
@pytest.mark.parametrize("levels", [3, 4])
def test_with_the_published_weights_the_flow_equals_that_of_the_published_network(levels: int) -> None:
    net = load_teacher(TEACHER / "ebme-bi-flownet.safetensors")
    fixture = load_file(TEACHER / f"fixture-{levels}-levels.safetensors")

    def frame_pyramid(frame: Tensor) -> list[Tensor]:
        return pyramid(frame.permute(2, 0, 1)[None] / 255, levels)

    flow = net(frame_pyramid(fixture["frame_0"]), frame_pyramid(fixture["frame_1"]))[0]
    assert (flow - fixture["flow"]).abs().max() < 1e-3
