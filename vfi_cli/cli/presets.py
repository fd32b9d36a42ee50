"""Presets: named sets of options in a TOML file.

    # ~/.config/vfi.toml
    [presets.web]
    fps = 60
    codec = "libx265"
    crf = 24
    encoder-opt = ["tune=grain"]
    no-metadata = true

`vfi interp in.mp4 --use web` uses this preset. Options on the command line override it.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from vfi_cli.errors import UsageError


@dataclass(frozen=True, slots=True)
class PresetOption:
    """An option of a command: the name of its parameter, whether it is a flag, and whether it may be repeated."""

    parameter: str
    is_flag: bool = False
    is_multiple: bool = False


def default_file() -> Path:
    """`vfi.toml` in the user's configuration folder."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "vfi.toml"


def preset_values(name: str, file: Path | str | None, options: Mapping[str, PresetOption]) -> dict[str, Any]:
    """The values of the preset `name`: name of the parameter -> value.

    Args:
        file: TOML file; None: `default_file()`.
        options: the options of the command, by their long names without dashes.

    Raises UsageError if the file or the preset is missing, or if a line of the preset is wrong.
    """
    path = Path(file).expanduser() if file is not None else default_file()
    presets = _read(path)
    if name not in presets:
        known = f"it has {', '.join(presets)}" if presets else f"add a table [presets.{name}]"
        raise UsageError(f"has no preset {name!r}", path=path, remedy=known)
    values: dict[str, Any] = {}
    for key, value in presets[name].items():
        if key not in options:
            near = get_close_matches(key, options, 1)
            remedy = f"did you mean {near[0]!r}?" if near else "write a long option without its dashes"
            raise UsageError(f"preset {name!r}: {key!r} is not an option for presets", path=path, remedy=remedy)
        option = options[key]
        if option.parameter in values:
            raise UsageError(f"preset {name!r} gives one option twice, the second time as {key!r}", path=path)
        if not _fits(value, option):
            several = " or a list" if option.is_multiple else ""
            kind = "true or false" if option.is_flag else f"a text or a number{several}"
            raise UsageError(f"preset {name!r}: {key!r} needs {kind}, not {value!r}", path=path)
        if option.is_multiple:
            values[option.parameter] = [str(one) for one in (value if isinstance(value, list) else [value])]
        else:
            values[option.parameter] = value if option.is_flag else str(value)
    return values


def _fits(value: Any, option: PresetOption) -> bool:
    if option.is_flag or isinstance(value, bool):
        return option.is_flag and isinstance(value, bool)
    if isinstance(value, list):
        return option.is_multiple and all(isinstance(one, str | int | float) for one in value)
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            "the preset file does not exist", path=path, remedy="create it, or name another one with --preset-file"
        ) from None
    except OSError as error:
        raise UsageError(f"the preset file cannot be read: {error.strerror}", path=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"is not a TOML file: {error}", path=path) from error
    presets = content.get("presets", {})
    if not isinstance(presets, dict) or not all(isinstance(preset, dict) for preset in presets.values()):
        raise UsageError("its presets are not tables", path=path, remedy="write [presets.NAME], then key = value")
    return presets
