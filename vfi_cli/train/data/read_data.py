"""Reads whatever `--data` names: a pack, a published set, or clips."""

from __future__ import annotations

from pathlib import Path

from vfi_cli.errors import InputError
from vfi_cli.train.data.packs import is_pack, read_pack
from vfi_cli.train.data.published_sets import read_vimeo, read_x_train, vimeo_list, x_train_clips
from vfi_cli.train.data.shots import read_clips
from vfi_cli.train.data.windows import Window


def read_windows(path: Path) -> list[Window]:
    """The windows of a pack, of Vimeo90K or X-TRAIN as they are unpacked, or of any clips.

    Raises InputError if `path` is none of these.
    """
    if not path.exists():
        raise InputError("no such file or folder", path=path, remedy="check --data")
    if is_pack(path):
        return read_pack(path)
    if names := vimeo_list(path):
        return read_vimeo(path, names)
    if clips := x_train_clips(path):
        return read_x_train(clips)
    return read_clips(path)
