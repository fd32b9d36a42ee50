"""What `--data` may name, and the windows in it."""

from __future__ import annotations

from pathlib import Path

from vfi_cli.errors import InputError
from vfi_cli.train.packs import is_pack, read_pack
from vfi_cli.train.windows import Window


def read_windows(path: Path) -> list[Window]:
    """The windows of a pack; InputError for anything else."""
    if is_pack(path):
        return read_pack(path)
    raise InputError("not training data: there is no index.csv", path=path, remedy="name a pack")
