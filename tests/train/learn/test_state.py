from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vfi_cli.errors import InputError
from vfi_cli.train.learn.state import load_state, save_state


def test_a_saved_state_loads_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "state"
    tensors = {"a": torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last), "b": torch.tensor(3.0)}
    save_state(path, tensors, {"step": 7, "recipe": {"gaps": [[2, 0.5]]}})
    loaded, about = load_state(path)
    assert about == {"step": 7, "recipe": {"gaps": [[2, 0.5]]}}
    assert loaded.keys() == tensors.keys() and all(torch.equal(loaded[name], tensors[name]) for name in tensors)


def test_a_write_that_fails_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    save_state(path, {"a": torch.zeros(1)}, {"step": 1})

    def half(_: object, part: Path, __: object) -> None:
        part.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("vfi_cli.train.learn.state.save_file", half)
    with pytest.raises(OSError):
        save_state(path, {"a": torch.ones(1)}, {"step": 2})
    assert load_state(path)[1] == {"step": 1}


@pytest.mark.parametrize("content", [b"", b"garbage" * 9])
def test_refuses_a_file_that_is_no_state(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not the state") as caught:
        load_state(path)
    assert caught.value.remedy


def test_refuses_weights_as_a_state(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "state")
    with pytest.raises(InputError, match="not the state"):
        load_state(tmp_path / "state")
