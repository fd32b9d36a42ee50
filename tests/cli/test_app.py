from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vfi_cli import __version__
from vfi_cli.cli import app
from vfi_cli.scene import DEFAULT_THRESHOLD


def vfi(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vfi_cli", *arguments], capture_output=True, text=True, timeout=60, **options
    )


def run(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    """The exit code, stdout and stderr of `vfi ...`, without a process of its own."""
    monkeypatch.setattr(sys, "argv", ["vfi", *arguments])
    monkeypatch.setattr("vfi_cli.cli.console._prepare", lambda: None)
    with pytest.raises(SystemExit) as end:
        app.main()
    out, err = capsys.readouterr()
    return end.value.code, out, err


def test_help_lists_the_commands():
    done = vfi("--help")
    assert done.returncode == 0
    assert all(
        command in done.stdout for command in ("interp", "batch", "info", "eval", "bench", "routes", "study", "train")
    )


def test_without_a_command_the_help_is_printed(monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys)
    assert (code, err) == (0, "") and out == run(monkeypatch, capsys, "--help")[1]


def test_no_description_of_a_command_is_cut(monkeypatch, capsys):
    assert "..." not in run(monkeypatch, capsys, "--help")[1].partition("Commands:")[2]


def test_completion_can_be_installed(monkeypatch, capsys):
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    code, out, _ = run(monkeypatch, capsys, "--show-completion", "bash")
    assert code == 0 and "_VFI_COMPLETE" in out


def test_the_version_is_printed(monkeypatch, capsys):
    assert run(monkeypatch, capsys, "--version") == (0, f"vfi {__version__}\n", "")


def test_the_help_names_the_true_default_of_the_threshold(monkeypatch, capsys):
    assert f"{DEFAULT_THRESHOLD:g}" in run(monkeypatch, capsys, "interp", "--help")[1]


@pytest.mark.parametrize(
    "arguments, what",
    [
        (["wrong"], "no command"),
        (["intrp"], "did you mean 'interp'"),
        (["interp"], "one input"),
        (["interp", "in.mp4", "--wrong"], "No such option"),
        (["interp", "in.mp4", "--fps", "0"], "--fps"),
        (["interp", "in.mp4", "--fps", "nan"], "--fps"),
        (["interp", "in.mp4", "-m", "1"], "-m"),
        (["interp", "in.mp4", "-m", "0"], "-m"),
        (["interp", "in.mp4", "-m", "-2"], "-m"),
        (["interp", "in.mp4", "-m", "1.5"], "--fps 1.5x"),
        (["interp", "in.mp4", "-m", "1000000000"], "-m"),
        (["interp", "in.mp4", "--slowmo", "0"], "--slowmo"),
        (["interp", "in.mp4", "--fps", "60", "-m", "2"], "exclude"),
        (["interp", "in.mp4", "--to", "2", "-t", "1"], "exclude"),
        (["interp", "in.mp4", "--ss", "3", "--to", "2"], "start"),
        (["interp", "in.mp4", "--ss", "soon"], "--ss"),
        (["interp", "in.mp4", "--keep-ratio", "1,2,3,4"], "--keep-ratio"),
        (["interp", "in.mp4", "--static", "--keep-ratio", "1,1,1,1"], "exclude"),
        (["interp", "in.mp4", "--scene-threshold", "1.5"], "--scene-threshold"),
        (["interp", "in.mp4", "--scene-threshold", "0", "--no-scene-detect"], "exclude"),
        (["interp", "in.mp4", "--scene-mode", "fade"], "nearest"),
        (["interp", "in.mp4", "-e", "tune"], "KEY=VALUE"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(monkeypatch, capsys, arguments, what):
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    assert what in err and err.count("\n") == 1 and err.startswith("vfi: error: ")


def test_a_missing_file_is_exit_code_3(monkeypatch, capsys, tmp_path):
    code, _, err = run(monkeypatch, capsys, "info", str(tmp_path / "no\nsuch.mp4"))
    assert code == 3
    assert err.count("\n") == 1 and r"no\nsuch.mp4" in err


def test_a_bug_is_exit_code_1_and_shows_a_traceback_only_with_debug(monkeypatch, capsys):
    def broken(*_):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("vfi_cli.video.read.sources.probe", broken)
    code, _, err = run(monkeypatch, capsys, "info", "in.mp4")
    assert code == 1 and "bug" in err and "Traceback" not in err
    code, _, err = run(monkeypatch, capsys, "info", "in.mp4", "--debug")
    assert code == 1 and "Traceback" in err


def test_nobody_reading_the_output_is_no_traceback():
    command = f"{sys.executable} -m vfi_cli interp --help | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_closed_streams_are_no_traceback(closed: str, tmp_path: Path):
    command = f"{sys.executable} -m vfi_cli info {tmp_path / 'missing.mp4'} {closed}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and "Traceback" not in done.stderr
