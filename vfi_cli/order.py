"""The order that people expect names in."""

from __future__ import annotations

import re
from pathlib import Path


def natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key that counts: 2.png before 10.png."""
    parts = re.findall(r"(\d+)|(\D+)", path.name)
    return [(0, int(digits), "") if digits else (1, 0, text) for digits, text in parts]
