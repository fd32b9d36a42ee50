"""`vfi`: the list of commands, and how the program ends."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from vfi_cli import __version__
from vfi_cli.cli import console

_STYLE: dict[str, Any] = {
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "add_completion": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
# command -> module here, which holds <command>_command
_COMMANDS = {
    "interp": "interp",
    "batch": "batch",
    "info": "info",
    "eval": "evaluate",
    "bench": "bench",
    "routes": "routes",
    "study": "study",
    "train": "train",
}


class _Commands(TyperGroup):
    """Imports a command when it is asked for, so that none pays for the others."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"vfi_cli.cli.{_COMMANDS[cmd_name]}")
        single = typer.Typer(**_STYLE)
        single.command(cmd_name)(getattr(module, f"{cmd_name}_command"))
        return typer.main.get_command(single)


app = typer.Typer(cls=_Commands, **_STYLE)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vfi {__version__}")
        raise typer.Exit


@app.callback()
def vfi(
    version: Annotated[
        bool, typer.Option("-V", "--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Video frame interpolation: vfi interp in.mp4 --fps 60"""


def main() -> NoReturn:
    """Entry point of the `vfi` command."""
    console.run(lambda: app(prog_name="vfi", standalone_mode=False))
