from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.train.packs import write_pack
from tests.train.ranks_worker import steps
from vfi_cli.train.learn.ranks import Ranks, device_of_rank
from vfi_cli.train.run.loop import Outcome
from vfi_cli.train.run.report import RunFolder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that two processes of `torchrun` wrote."""
    folder = tmp_path_factory.mktemp("team")
    write_pack(folder / "pack")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, "-m", "tests.train.ranks_worker", str(folder)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_two_processes_have_the_same_weights_and_the_gradient_of_the_joint_batch(folder: Path) -> None:
    one, other = (load_file(folder / f"{rank}.safetensors") for rank in (0, 1))
    alone = steps(Ranks())
    gradients = [name for name in alone if name.startswith("grad.")]
    assert len(gradients) > 20 and one.keys() == other.keys() == alone.keys()
    for name in one:
        if name != "loss":
            assert torch.equal(one[name], other[name]), name
    for name in gradients:
        torch.testing.assert_close(one[name], alone[name], atol=1e-6, rtol=1e-4)
    torch.testing.assert_close((one["loss"] + other["loss"]) / 2, alone["loss"])


def test_two_processes_make_one_run(folder: Path) -> None:
    """Both end when the time of rank 0 is over, and only rank 0 writes."""
    assert {(folder / f"{rank}.txt").read_text() for rank in (0, 1)} == {str(Outcome(1.0, None))}
    run = RunFolder(folder / "run")
    steps = [json.loads(line)["step"] for line in run.metrics.read_text().splitlines()]
    assert len(steps) > 4 and steps == sorted(steps)
    assert run.weights.is_file() and run.state.is_file()


def test_each_process_uses_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of_rank("auto") == "auto"
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert [device_of_rank(name) for name in ("auto", "cuda", "cuda:1", "cpu")] == ["cuda:3", "cuda:3", "cuda:1", "cpu"]
