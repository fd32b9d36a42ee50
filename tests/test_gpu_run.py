"""Runs all steps of `.ci/gpu` on the CPU, so that no GPU time is lost to a typo."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from safetensors.torch import save_file

from tests.train.packs import write_pack
from vfi_cli import weights
from vfi_cli.model.flow import FlowNet
from vfi_cli.train.learn.teacher import published_name

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_every_step_of_the_gpu_run_works_and_writes_its_results(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    write_pack(data / "pack", size=(64, 64))
    save_file({published_name(name): x for name, x in FlowNet().state_dict().items()}, data / "teacher.safetensors")
    checkout = tmp_path / "checkout"
    for part in (".ci", "vfi_cli", "weights", "tests", "pyproject.toml"):
        (checkout / part).parent.mkdir(exist_ok=True)
        (checkout / part).symlink_to(ROOT / part)
    command = [sys.executable, checkout / ".ci" / "gpu", "150", "--rehearse", "--data", data]
    environment = os.environ | {"OUT": str(out), "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [line for line in done.stdout.splitlines() if "exit code" in line]
    assert len(steps) >= 7 and all("exit code 0" in line for line in steps), done.stdout
    for name in ("base", "lite"):
        assert weights.load(str(out / f"{name}.safetensors")).config.name == name
    with tarfile.open(out / "logs.tar.gz") as tar:
        names = {Path(name).name for name in tar.getnames()}
    assert {"tests.log", "bench-lite-128x64.log", "base-joint.jsonl", "lite.jsonl", "steps.log"} <= names
    assert sum(path.is_file() for path in out.iterdir()) <= 8
