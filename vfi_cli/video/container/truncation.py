"""Detects a file whose end is missing, for example after a broken download or recording, from its structure."""

from __future__ import annotations

from pathlib import Path

from vfi_cli.video.container.structure import MATROSKA, MOVIE, walk

_CHECKED_FORMATS = (
    MOVIE,
    MATROSKA,
    "avi",
)  # other formats have small elements, and a cut often lies between two of them


def is_truncated(path: Path, container: str) -> bool | None:
    """Whether the end of the file at `path` is missing; None if its format does not show this.

    container: FFmpeg's name of the demuxer. Raises OSError if the file cannot be read.
    """
    if container not in _CHECKED_FORMATS:
        return None
    size = path.stat().st_size
    with path.open("rb") as file:
        for element in walk(file, container):
            if element.end is None or element.end > size:
                return True
            if element.end <= element.position:
                return None
    return False
