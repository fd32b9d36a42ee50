"""The class of all commands. It groups the help, and supports FFmpeg's names of options and presets."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from vfi_cli.cli.presets import PresetOption, preset_values
from vfi_cli.errors import UsageError

_FFMPEG = {"-ss": "--ss", "-to": "--to", "-crf": "--crf", "-preset": "--preset", "-pix_fmt": "--pix-fmt"}
"""FFmpeg's long options with one dash -> ours. Others of FFmpeg's names, such as -an, are among our own."""

_GENERAL = "General"

_EXCLUSIVE = (
    {"fps", "multi", "slowmo"},
    {"stop", "duration"},
    {"keep_ratio", "static"},
    {"scene_threshold", "no_scene_detect"},
    {"deinterlace", "progressive"},
    {"workers", "devices"},
    {"device", "devices"},
    {"audio_codec", "no_audio"},
    {"audio_bit_rate", "no_audio"},
    {"source", "named"},
)
"""Sets of parameters that exclude each other. One of a set on the command line replaces the others in a preset."""


class Command(TyperCommand):
    """A command whose `--help` lists the options under the heading of their `rich_help_panel`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See `TyperCommand.parse_args`. Raises UsageError if a preset cannot be used."""
        args = self._our_spelling(ctx, args)
        has_presets = any(parameter.name == "use" for parameter in self.params)
        if has_presets and not ctx.resilient_parsing and not set(ctx.help_option_names) & set(args):
            given, _, _ = self.make_parser(ctx).parse_args(list(args))
            if given.get("preset_file") is not None and given.get("use") is None:
                raise UsageError("--preset-file needs --use", remedy="name a preset of that file with --use")
            if given.get("use") is not None:
                values = preset_values(given["use"], given.get("preset_file"), self._preset_options(ctx))
                given = {name: value for name, value in given.items() if value is not None}
                replaced = set().union(*(group for group in _EXCLUSIVE if group & given.keys()))
                ctx.default_map = {name: value for name, value in values.items() if name not in replaced}
        return super().parse_args(ctx, args)

    def _our_spelling(self, ctx: Any, args: list[str]) -> list[str]:
        """`args` with our names for FFmpeg's options. A word after an option that takes a value is that value."""
        takes_value = {
            option: not getattr(parameter, "is_flag", False)
            for parameter in self.get_params(ctx)
            for option in parameter.opts
            if option.startswith("-")
        }
        spelled: list[str] = []
        is_value = False
        for number, arg in enumerate(args):
            if arg == "--" and not is_value:
                return spelled + args[number:]
            ours = _FFMPEG.get(arg, arg)
            spelled.append(ours if ours in takes_value and not is_value else arg)
            is_value = not is_value and takes_value.get(ours, False)
        return spelled

    def _preset_options(self, ctx: Any) -> dict[str, PresetOption]:
        """The options that a preset may contain, by their long names without dashes."""
        return {
            option[2:]: PresetOption(
                parameter.name or "",
                is_flag=bool(getattr(parameter, "is_flag", False)),
                is_multiple=bool(getattr(parameter, "multiple", False)),
            )
            for parameter in self.get_params(ctx)
            for option in parameter.opts
            if option.startswith("--") and parameter.name not in ("use", "preset_file", "help")
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
