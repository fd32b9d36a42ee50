"""Geometry in whole numbers: padding, and the depth of the flow pyramid."""

from __future__ import annotations

PYRAMID_WIDTHS = (512, 1024, 2048, 3072)
"""Each width exceeded adds a level: 3 for 448 (training), 5 for 2K, 7 for 4K (paper, section 4)."""


def round_up(size: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `size`."""
    return -(-size // multiple) * multiple


def pyramid_levels(height: int, width: int) -> int:
    """Levels of the recurrent flow pyramid for a frame of `height` x `width` pixels."""
    longest = max(height, width)
    return 3 + sum(longest > bound for bound in PYRAMID_WIDTHS)
