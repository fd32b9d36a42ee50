"""The state of a run: all that is needed to go on, in one safetensors file that is replaced as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from vfi_cli.errors import InputError


def save_state(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write `tensors`, and `about` as JSON; a reader finds the old file or the new one."""
    part = path.with_name(path.name + ".part")
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(plain, part, {"about": json.dumps(about)})
    part.replace(path)


def load_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Inverse of `save_state`; InputError for anything else."""
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["about"])
            return {key: file.get_tensor(key) for key in file.keys()}, about  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise InputError(f"not the state of a run: {error}", path=path, remedy="train into another folder") from error


def pack_learning(model: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Weights, their running mean and the optimiser's moments, under one roof."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    return tensors


def unpack_learning(
    tensors: dict[str, Tensor], model: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    """Inverse of `pack_learning`, into modules and an optimiser of the same making."""
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimiser": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    model.load_state_dict(parts["model"])
    average.load_state_dict(parts["average"])
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in parts["optimiser"].items():
        index, _, moment = name.partition(".")
        layout = torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
        moments.setdefault(int(index), {})[moment] = tensor.contiguous(memory_format=layout)
    optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
