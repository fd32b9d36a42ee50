"""The state of a run: everything a resumed run needs, in one safetensors file that is replaced atomically."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from vfi_cli.disk import replacing
from vfi_cli.errors import InputError


def save_state(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write `tensors`, and `about` as JSON. A reader finds either the old file or the new one, never a part of it."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temp_path:
        save_file(plain, temp_path, {"about": json.dumps(about)})


def load_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The inverse of `save_state`. Raises InputError if the file is not a state."""
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["about"])
            return {key: file.get_tensor(key) for key in file.keys()}, about  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise InputError(f"not the state of a run: {error}", path=path, remedy="train into another folder") from error


def collect_state(model: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The weights, their running mean and the moments of the optimiser as one dictionary."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    return tensors


def restore_state(
    tensors: dict[str, Tensor], model: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    """The inverse of `collect_state`: load the tensors into modules and an optimiser of the same configuration."""
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
