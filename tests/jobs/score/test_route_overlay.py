from __future__ import annotations

import numpy as np
import pytest

from vfi_cli.jobs.score.route_overlay import OPACITY, PALETTE, draw_routes


def route_of(depths: list[list[int]]) -> np.ndarray:
    return np.arange(4) < np.array(depths)[..., None]


@pytest.mark.parametrize("depth", range(5))
def test_a_patch_has_the_colour_of_the_number_of_blocks_it_runs(depth: int) -> None:
    frame = np.full((100, 90, 3), 80, np.uint8)
    drawn = draw_routes(frame, route_of([[0, depth], [0, 0]]), patch=64)
    expected = np.rint(80 * (1 - OPACITY) + PALETTE[depth] * OPACITY)
    assert drawn[0, 64].tolist() == expected.tolist() == drawn[63, 89].tolist()
    assert drawn[0, 63].tolist() == np.rint(80 * (1 - OPACITY) + PALETTE[0] * OPACITY).tolist()


def test_the_frame_is_visible_under_the_map() -> None:
    frame = np.zeros((100, 90, 3), np.uint8)
    frame[5, 70] = 200
    drawn = draw_routes(frame, route_of([[2, 2], [2, 2]]), patch=64).astype(int)
    assert (drawn[5, 70] - drawn[5, 71] == round(200 * (1 - OPACITY))).all()


def test_the_legend_shows_every_depth() -> None:
    drawn = draw_routes(np.zeros((100, 90, 3), np.uint8), route_of([[0, 0], [0, 0]]), patch=64)
    corner = {tuple(pixel) for pixel in drawn[82:94, :].reshape(-1, 3).tolist()}
    assert corner >= {tuple(colour) for colour in PALETTE.tolist()}


def test_the_frame_is_left_as_it_was() -> None:
    frame = np.zeros((64, 64, 3), np.uint8)
    draw_routes(frame, route_of([[4]]), patch=64)
    assert not frame.any()
