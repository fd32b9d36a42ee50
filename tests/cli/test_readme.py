"""The README is part of the program."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from vfi_cli.cli.app import app

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["interp", "batch"])
def test_every_option_is_in_the_readme(name: str) -> None:
    group = typer.main.get_command(app)
    command = group.get_command(typer.Context(group), name)  # type: ignore[attr-defined]
    options = [name for parameter in command.params for name in parameter.opts if name.startswith("-")]
    assert len(options) > 20
    assert [name for name in options if f"`{name}" not in README] == []


def test_every_command_is_in_the_readme() -> None:
    group = typer.main.get_command(app)
    names = group.list_commands(typer.Context(group))  # type: ignore[attr-defined]
    assert [name for name in names if f"vfi {name}" not in README] == []
