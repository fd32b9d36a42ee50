from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_app import run
from tests.train.packs import write_pack
from tests.waiting import wait_until
from vfi_cli.train.recipes import RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_printed(monkeypatch, capsys, name: str):
    code, out, _ = run(monkeypatch, capsys, "train", name, "--minutes", "8", "--seed", "3", "--print")
    printed = json.loads(out)
    assert code == 0 and printed["minutes"] == 8 and printed["seed"] == 3
    assert printed["config"]["name"] == name.split("-")[0] and printed["learning_rate"] > 0


@pytest.mark.parametrize(
    "arguments, what",
    [
        ([], "Missing argument"),
        (["wrong"], "lite"),
        (["lite"], "--data"),
        (["lite", "--minutes", "0"], "--minutes"),
        (["lite", "--minutes", "nan"], "--minutes"),
        (["lite", "--seed", "-1"], "--seed"),
    ],
)
def test_a_wrong_command_line_is_one_line(monkeypatch, capsys, arguments, what):
    code, out, err = run(monkeypatch, capsys, "train", *arguments)
    assert (code, out) == (2, "") and what in err and err.count("\n") == 1


def test_a_folder_that_is_no_data_is_one_line(monkeypatch, capsys, tmp_path: Path):
    code, _, err = run(monkeypatch, capsys, "train", "lite", "--data", str(tmp_path), "--out", str(tmp_path / "run"))
    assert code == 3 and str(tmp_path) in err and err.count("\n") == 1


def test_a_killed_run_goes_on_and_an_interrupted_one_says_how(tmp_path: Path):
    pack, out = write_pack(tmp_path / "pack"), tmp_path / "run"
    (tmp_path / "toy.py").write_text(
        "from tests.train.packs import tiny\n"
        "from vfi_cli.cli import app\n"
        "from vfi_cli.engine import device\n"
        "from vfi_cli.train import recipes\n"
        "from vfi_cli.train.run import report\n"
        "recipes.RECIPES['lite'] = lambda minutes, seed: tiny(60 * minutes)\n"
        "device.available_cpus = lambda: 1\n"
        "report.LOG_SECONDS = report.STATE_SECONDS = 0.1\n"
        "app.main()\n"
    )
    command = [sys.executable, str(tmp_path / "toy.py"), "train", "lite", "--data", str(pack), "--out", str(out)]
    command += ["--device", "cpu", "--minutes", "60", "--resume"]

    def step() -> int:
        lines = (out / "metrics.jsonl").read_text().splitlines() if (out / "metrics.jsonl").is_file() else []
        return max((json.loads(line)["step"] for line in lines), default=0)

    reached = 0
    for kind, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 128 + signal.SIGINT)):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={"PYTHONPATH": str(Path.cwd())})
        wait_until(lambda: process.poll() is not None or step() > reached + 2, what="some steps")  # noqa: B023
        process.send_signal(kind)
        said = process.communicate(timeout=60)[1]
        assert process.returncode == code, said
        assert step() > reached
        reached = step()
    assert "--resume goes on" in said
    assert (out / "weights.safetensors").is_file() and not list(out.glob("*.part"))


def test_training_needs_no_video_library():
    probe = "import sys; sys.modules['av'] = None\nimport vfi_cli.train.run.loop, vfi_cli.cli.train"
    subprocess.run([sys.executable, "-c", probe], check=True)
