from __future__ import annotations

import pytest

from vfi_cli.grid import PYRAMID_WIDTHS, pyramid_levels, round_up


@pytest.mark.parametrize(("size", "rounded"), [(1, 64), (64, 64), (65, 128), (1080, 1088)])
def test_rounds_up_to_a_multiple(size: int, rounded: int) -> None:
    assert round_up(size, 64) == rounded


@pytest.mark.parametrize(
    ("height", "width", "levels"),
    [(256, 448, 3), (1080, 2048, 5), (2160, 4096, 7), (1, 1, 3), (20000, 20000, 7)],
    ids=["training", "2K", "4K", "tiny", "huge"],
)
def test_the_pyramid_has_as_many_levels_as_in_the_paper(height: int, width: int, levels: int) -> None:
    assert pyramid_levels(height, width) == levels


def test_portrait_frames_have_as_many_levels_as_landscape_frames() -> None:
    assert pyramid_levels(1920, 1080) == pyramid_levels(1080, 1920)


def test_each_bound_adds_one_level() -> None:
    depths = [(pyramid_levels(16, bound), pyramid_levels(16, bound + 1)) for bound in PYRAMID_WIDTHS]
    assert depths == [(3 + k, 4 + k) for k in range(len(PYRAMID_WIDTHS))]
