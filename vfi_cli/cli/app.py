"""`vfi`: the list of commands, and the entry point of the program."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from vfi_cli import __version__
from vfi_cli.cli import console
from vfi_cli.cli.command import Command

_STYLE: dict[str, Any] = {
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": 110},
}
# command -> module of this package, which defines <command>_command
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
    """Imports the module of a command only when that command is used, so that vfi starts quickly."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            near = get_close_matches(cmd_name, _COMMANDS, 1)
            ctx.fail(f"there is no command {cmd_name!r}" + (f", did you mean {near[0]!r}?" if near else ""))
        module = import_module(f"vfi_cli.cli.{_COMMANDS[cmd_name]}")
        single = typer.Typer(add_completion=False, **_STYLE)
        epilog = getattr(module, "EXAMPLES", None)
        single.command(cmd_name, cls=Command, epilog=epilog)(getattr(module, f"{cmd_name}_command"))
        return typer.main.get_command(single)


app = typer.Typer(cls=_Commands, invoke_without_command=True, **_STYLE)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vfi {__version__}")
        raise typer.Exit


@app.callback()
def vfi(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("-V", "--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Video frame interpolation: vfi interp in.mp4 --fps 60"""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> NoReturn:
    """Entry point of the `vfi` command."""
    console.run(lambda: app(prog_name="vfi", standalone_mode=False))
