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

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from vfi_cli.errors import UsageError

_RESERVED = ("use", "preset-file", "help")


def default_file() -> Path:
    """`vfi.toml` in the user's configuration folder."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "vfi.toml"


def preset_values(name: str, file: Path | str | None, options: Mapping[str, tuple[str, bool]]) -> dict[str, Any]:
    """The values of the preset `name`: name of the parameter -> value.

    Args:
        file: TOML file; None: `default_file()`.
        options: long option of the command, without its dashes -> name of its parameter, and whether it is a flag.

    Raises UsageError if the file or the preset is missing, or if a line of the preset is wrong.
    """
    path = Path(file) if file is not None else default_file()
    presets = _read(path)
    if name not in presets:
        known = f"it has {', '.join(presets)}" if presets else f"add a table [presets.{name}]"
        raise UsageError(f"has no preset {name!r}", path=path, remedy=known)
    values = {}
    for key, value in presets[name].items():
        if key not in options or key in _RESERVED:
            near = get_close_matches(key, options, 1)
            remedy = f"did you mean {near[0]!r}?" if near else "write a long option without its dashes"
            raise UsageError(f"preset {name!r}: {key!r} is not an option of this command", path=path, remedy=remedy)
        parameter, is_flag = options[key]
        if isinstance(value, bool) != is_flag:
            expected = "true or false" if is_flag else "a value"
            raise UsageError(f"preset {name!r}: {key!r} needs {expected}, not {value!r}", path=path)
        values[parameter] = value if is_flag else _as_text(value)
    return values


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


def _as_text(value: Any) -> str | list[str]:
    """The value as the command line would give it."""
    return [str(one) for one in value] if isinstance(value, list) else str(value)
