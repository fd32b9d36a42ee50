"""Loads the teacher, a trained flow network: the published tensors of EBME (github.com/srcn-ivl/EBME)."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from vfi_cli.errors import ModelError
from vfi_cli.model.flow import FlowNet


def load_teacher(path: Path) -> FlowNet:
    """The frozen network. Raises ModelError if the file is missing or holds other tensors."""
    net = FlowNet()
    try:
        tensors = load_file(path)
        net.load_state_dict({name: tensors[published_name(name)] for name in net.state_dict()})
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        remedy = "convert EBME's bi-directional flow network to safetensors"
        raise ModelError(f"not a flow network to learn from: {error}", path=path, remedy=remedy) from error
    return net.eval().requires_grad_(False)


def published_name(name: str) -> str:
    """The name that a tensor of `FlowNet` has in the published network."""
    part, *rest, kind = name.split(".")
    if part == "encoder":
        return f"feat_pyramid.conv_stage{int(rest[0]) + 1}.{rest[1]}.{kind}"
    layer = 6 if part == "to_flow" else int(rest[0]) // 2 + 1
    return f"flow_estimator.conv_layer{layer}.0.{kind}"
