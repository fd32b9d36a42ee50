"""Names of media files: the suffixes of videos, and the order of numbered names."""

from __future__ import annotations

import re
from pathlib import Path

# fmt: off
VIDEO_SUFFIXES = frozenset({
    ".264", ".265", ".3gp", ".apng", ".asf", ".avi", ".dv", ".flv", ".gif", ".h264", ".h265", ".hevc", ".ivf", ".m1v",
    ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".obu",
    ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m",
})
# fmt: on


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sort key that compares numbers by value: 2.png comes before 10.png."""
    parts = re.findall(r"(\d+)|(\D+)", path.name)
    return [(0, int(digits), "") if digits else (1, 0, text) for digits, text in parts]
