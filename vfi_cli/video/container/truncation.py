"""Finds from its structure if a file lacks its end, after a broken download or recording."""

from __future__ import annotations

from pathlib import Path

from vfi_cli.video.container.structure import MATROSKA, MOVIE, walk

_JUDGED = (MOVIE, MATROSKA, "avi")  # a cut in others is often between two elements, which are small


def is_truncated(path: Path, container: str) -> bool | None:
    """Whether the file at `path` lacks its end; None if this cannot be told from its format.

    container: demuxer name of FFmpeg. Raises OSError.
    """
    if container not in _JUDGED:
        return None
    size = path.stat().st_size
    with path.open("rb") as file:
        for element in walk(file, container):
            if element.end is None or element.end > size:
                return True
            if element.end <= element.position:
                return None
    return False
