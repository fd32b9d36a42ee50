"""Geometry in whole numbers: padding, patches, and the depth of the flow pyramid."""

from __future__ import annotations

from dataclasses import dataclass

PYRAMID_WIDTHS = (512, 1024, 2048, 3072)
"""Each width exceeded adds a level: 3 for 448 (training), 5 for 2K, 7 for 4K (paper, section 4)."""


def round_up(size: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `size`."""
    return -(-size // multiple) * multiple


def pyramid_levels(height: int, width: int) -> int:
    """Levels of the recurrent flow pyramid for a frame of `height` x `width` pixels."""
    longest = max(height, width)
    return 3 + sum(longest > bound for bound in PYRAMID_WIDTHS)


@dataclass(frozen=True)
class PatchGrid:
    """A padded frame cut into square patches, numbered row by row.

      width
    +---+---+---+
    | 0 | 1 | 2 |   rows = 2, cols = 3, count = 6
    +---+---+---+
    | 3 | 4 | 5 |
    +---+---+---+
    """

    height: int
    width: int
    patch: int

    def __post_init__(self) -> None:
        if self.height % self.patch or self.width % self.patch:
            raise ValueError(f"{self.height}x{self.width} is no multiple of the patch size {self.patch}")

    @property
    def rows(self) -> int:
        return self.height // self.patch

    @property
    def cols(self) -> int:
        return self.width // self.patch

    @property
    def count(self) -> int:
        return self.rows * self.cols
