"""The class of all commands. It groups the help, and supports FFmpeg's names of options and presets."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from vfi_cli.cli.presets import preset_values

_FFMPEG = {"-ss": "--ss", "-to": "--to", "-crf": "--crf", "-preset": "--preset", "-pix_fmt": "--pix-fmt"}
"""FFmpeg's long options with one dash -> ours. Others of FFmpeg's names, such as -an, are among our own."""

_GENERAL = "General"

_EXCLUSIVE = ({"fps", "multi", "slowmo"}, {"stop", "duration"}, {"keep_ratio", "static"}, {"workers", "devices"})
"""Sets of parameters that exclude each other. One of a set on the command line replaces the others in a preset."""


class Command(TyperCommand):
    """A command whose `--help` lists the options under the heading of their `rich_help_panel`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See `TyperCommand.parse_args`. Raises UsageError if a preset cannot be used."""
        args = self._our_spelling(ctx, args)
        if any(parameter.name == "use" for parameter in self.params):
            given, _, _ = self.make_parser(ctx).parse_args(list(args))
            if given.get("use"):
                values = preset_values(given["use"], given.get("preset_file"), self._long_names(ctx))
                replaced = set().union(*(group for group in _EXCLUSIVE if group & given.keys()))
                ctx.default_map = {name: value for name, value in values.items() if name not in replaced}
        return super().parse_args(ctx, args)

    def _our_spelling(self, ctx: Any, args: list[str]) -> list[str]:
        known = {option for parameter in self.get_params(ctx) for option in parameter.opts}
        end = args.index("--") if "--" in args else len(args)
        return [_FFMPEG[arg] if _FFMPEG.get(arg) in known else arg for arg in args[:end]] + args[end:]

    def _long_names(self, ctx: Any) -> dict[str, tuple[str, bool]]:
        """Long option without its dashes -> name of its parameter, and whether it is a flag."""
        return {
            option[2:]: (parameter.name or "", bool(getattr(parameter, "is_flag", False)))
            for parameter in self.get_params(ctx)
            for option in parameter.opts
            if option.startswith("--")
        }

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, each group under its heading. Typer's panels would do this, but they load 60 modules."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                heading = "Arguments" if parameter.param_type_name == "argument" else _GENERAL
                groups.setdefault(getattr(parameter, "rich_help_panel", None) or heading, []).append(record)
        for heading, records in sorted(groups.items(), key=lambda group: group[0] == _GENERAL):  # general options last
            with formatter.section(heading):
                formatter.write_dl(records)
