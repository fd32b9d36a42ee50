from __future__ import annotations

import numpy as np

from vfi_cli.measure.chart import COLOURS, MARGIN, SIZE, Series, draw_chart

RIGHT, BOTTOM = SIZE[0] - MARGIN, SIZE[1] - MARGIN


def has(picture: np.ndarray, colour: tuple[int, int, int], column: int, row: int) -> bool:
    return tuple(picture[row, column].tolist()) == colour


def test_the_frame_spans_all_series() -> None:
    picture = draw_chart("t", [Series("a", [(1, 5), (3, 7)]), Series("b", [(3, 5)])])
    assert has(picture, COLOURS[0], MARGIN, BOTTOM) and has(picture, COLOURS[0], RIGHT, MARGIN)
    assert has(picture, COLOURS[1], RIGHT, BOTTOM)
    assert not has(picture, COLOURS[1], MARGIN, BOTTOM)


def test_an_axis_may_begin_before_the_first_point() -> None:
    picture = draw_chart("t", [Series("", [(1, 5), (2, 7)])], left=0)
    assert has(picture, COLOURS[0], (MARGIN + RIGHT) // 2, BOTTOM)
    assert not has(picture, COLOURS[0], MARGIN, BOTTOM)


def test_a_single_point_is_drawn() -> None:
    assert has(draw_chart("t", [Series("a", [(2, 2)])]), COLOURS[0], MARGIN, BOTTOM)
