"""Weights files: half-precision safetensors that carry their own config, recipe and scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from vfi_cli.disk import replacing
from vfi_cli.errors import ModelError
from vfi_cli.model.apr import Apr
from vfi_cli.model.config import PRESETS, AprConfig

_INSTALLED = Path(__file__).parent / "_weights"
_CHECKOUT = Path(__file__).parents[1] / "weights"

REMEDY = "get the file again, or use --model lite"


def find(name: str) -> Path:
    """The path of the weights of a shipped model ("lite", "base"), or `name` itself as a path.

    Raises ModelError if there is no such file.
    """
    if name in PRESETS:
        for folder in (_INSTALLED, _CHECKOUT):
            path = folder / f"{name}.safetensors"
            if path.is_file():
                return path
        raise ModelError(f"no weights for the model {name!r} are shipped yet", remedy="use --model lite")
    path = Path(name)
    if not path.is_file():
        known = ", ".join(PRESETS)
        raise ModelError("no such weights file", path=name, remedy=f"give {known}, or a .safetensors file")
    return path


def load(name: str) -> Apr:
    """Load the network of a shipped model or of a weights file, in float32, ready for inference.

    Only safetensors are read: no pickle is ever opened. Raises ModelError if the file is missing or damaged, has
    another format, or does not fit its own config.
    """
    path = find(name)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            config = AprConfig.from_dict(json.loads(metadata["config"]))
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ModelError(f"not a weights file of vfi: {error}", path=path, remedy=REMEDY) from error
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise ModelError("the weights hold values that are not finite", path=path, remedy=REMEDY)
    # Parameters on "meta" take no memory, so a config cannot request more memory than the file holds.
    with torch.device("meta"):
        model = Apr(config)
    try:
        model.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise ModelError("the weights do not fit their config", path=path, remedy=REMEDY) from error
    return model.eval().requires_grad_(False)


def save(model: Apr, path: Path, **about: Any) -> None:
    """Write `model` in half precision, with `about` (recipe, scores, ...) as JSON in the metadata."""
    tensors = {key: value.detach().half().cpu().contiguous() for key, value in model.state_dict().items()}
    metadata = {"config": json.dumps(model.config.to_dict())}
    metadata |= {key: json.dumps(value) for key, value in about.items()}
    with replacing(path) as temp_path:
        save_file(tensors, temp_path, metadata)
