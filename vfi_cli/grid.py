"""Padded sizes, and the number of levels of the flow pyramid."""

from __future__ import annotations

PYRAMID_WIDTHS = (512, 1024, 2048, 3072)
"""Three levels, and one more for each of these widths that the longer side exceeds.

The paper (section 4) has 3 levels for 448 (training), 5 for 2K, 7 for 4K.
"""


def round_up(size: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `size`."""
    return -(-size // multiple) * multiple


def pyramid_levels(height: int, width: int) -> int:
    """Levels of the recurrent flow pyramid for a frame of `height` x `width` pixels."""
    longest = max(height, width)
    return 3 + sum(longest > bound for bound in PYRAMID_WIDTHS)
