from __future__ import annotations

import json
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.model.networks import each_config, scrambled
from vfi_cli import weights
from vfi_cli.errors import ModelError
from vfi_cli.model.config import LITE, MAX_DIMENSION, AprConfig

TINY = replace(LITE, feature=4, context=4, widths=(4, 4), patch=32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A valid weights file of a tiny network."""
    path = tmp_path / "tiny.safetensors"
    weights.save(scrambled(TINY), path)
    return path


def refused(path: Path | str, says: str) -> ModelError:
    with pytest.raises(ModelError, match=says) as caught:
        weights.load(str(path))
    assert caught.value.remedy
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


def rewrite(path: Path, tensors: dict[str, torch.Tensor] | None = None, metadata: dict[str, str] | None = None) -> None:
    """Replace some tensors or the metadata of a weights file."""
    with safe_open(path, framework="pt") as file:
        kept = file.metadata()
    save_file(load_file(path) | (tensors or {}), path, kept if metadata is None else metadata)


@each_config
def test_round_trip_in_half_precision(config: AprConfig, tmp_path: Path) -> None:
    net, path = scrambled(config), tmp_path / "net.safetensors"
    weights.save(net, path)
    loaded = weights.load(str(path))
    assert loaded.config == config
    assert not loaded.training and not any(parameter.requires_grad for parameter in loaded.parameters())
    for name, value in net.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value.half().float()), name
    assert {value.dtype for value in load_file(path).values()} == {torch.float16}


def test_a_loaded_network_runs(path: Path) -> None:
    frames = torch.rand(2, 1, 3, 32, 32)
    assert torch.equal(weights.load(str(path))(*frames, 0.5), weights.load(str(path))(*frames, 0.5))


def test_the_metadata_holds_config_recipe_and_scores(path: Path) -> None:
    about = {"recipe": {"minutes": 60}, "scores": {"davis480": 27.5}}
    weights.save(scrambled(TINY), path, **about)
    with safe_open(path, framework="pt") as file:
        metadata = {key: json.loads(value) for key, value in file.metadata().items()}
    assert AprConfig.from_dict(metadata.pop("config")) == TINY
    assert metadata == about
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999])
def test_refuses_a_truncated_file(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(path, "not a weights file")


@pytest.mark.parametrize("content", [b"\xff" * 4096, b"weights\n", b"\x10" + b"\0" * 7 + b"{" * 16], ids=str)
def test_refuses_another_format(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused(path, "not a weights file")


class Trap:
    """A malicious object in a pickle: unpickling it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("torch_file", [True, False], ids=["torch.save", "pickle"])
def test_a_pickle_named_like_weights_is_refused_and_not_run(path: Path, torch_file: bool) -> None:
    trap = path.parent / "sprung"
    if torch_file:
        torch.save({"weights": Trap(trap)}, path)
    else:
        path.write_bytes(pickle.dumps(Trap(trap)))
    refused(path, "not a weights file")
    assert not trap.exists()


@pytest.mark.parametrize(
    "config",
    [
        None,
        "lite",
        "[1, 2]",
        "[" * 100_000,
        json.dumps({"feature": 4}),
        json.dumps({**TINY.to_dict(), "colour": 1}),
        json.dumps({**TINY.to_dict(), "depth": 10**12}),
        json.dumps({**TINY.to_dict(), "widths": 4}),
        json.dumps({**TINY.to_dict(), "stride": "2"}),
    ],
    ids=["none", "text", "list", "nested", "incomplete", "unknown field", "huge", "no pair", "no number"],
)
def test_refuses_an_invalid_config(path: Path, config: str | None) -> None:
    rewrite(path, metadata={} if config is None else {"config": config})
    refused(path, "not a weights file")


def test_a_config_cannot_request_more_memory_than_the_file_holds(path: Path) -> None:
    wide = replace(TINY, feature=MAX_DIMENSION, context=MAX_DIMENSION, widths=(MAX_DIMENSION, MAX_DIMENSION), depth=100)
    rewrite(path, metadata={"config": json.dumps(wide.to_dict())})  # 19 GB of weights
    refused(path, "do not fit")


@pytest.mark.parametrize("change", ["shape", "missing", "surplus"])
def test_refuses_weights_that_do_not_fit_their_config(path: Path, change: str) -> None:
    if change == "missing":
        wider = replace(TINY, depth=2)
        rewrite(path, metadata={"config": json.dumps(wider.to_dict())})
    else:
        name = "surplus" if change == "surplus" else "synthesis.head.bias"
        rewrite(path, {name: torch.zeros(5, dtype=torch.float16)})
    refused(path, "do not fit")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_refuses_values_that_are_not_finite(path: Path, value: float) -> None:
    bias = load_file(path)["synthesis.head.bias"]
    bias[1] = value
    rewrite(path, {"synthesis.head.bias": bias})
    refused(path, "not finite")


@pytest.mark.parametrize("name", ["turbo", "no/such.safetensors"])
def test_refuses_a_missing_file(name: str) -> None:
    assert "lite" in refused(name, "no such").remedy


def test_refuses_a_folder(tmp_path: Path) -> None:
    refused(tmp_path, "no such weights file")


def test_a_shipped_name_is_found_installed_before_checked_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed, checkout = tmp_path / "installed", tmp_path / "checkout"
    monkeypatch.setattr(weights, "_INSTALLED", installed)
    monkeypatch.setattr(weights, "_CHECKOUT", checkout)
    with pytest.raises(ModelError, match="'base'") as caught:
        weights.find("base")
    assert caught.value.remedy
    for folder in (checkout, installed):
        folder.mkdir()
        (folder / "base.safetensors").touch()
        assert weights.find("base").parent == folder
