from __future__ import annotations

import numpy as np
import pytest

from vfi_cli.errors import InputError
from vfi_cli.train.data.windows import HELD_OUT_SHARE, Window, hold_out, large_enough


def window(source: str, height: int = 48, width: int = 64) -> Window:
    return Window(source, 3, height, width, lambda: np.zeros((3, height, width, 3), np.uint8))


def test_no_source_clip_is_both_trained_on_and_held_out() -> None:
    windows = [window(f"clip {k % 400}") for k in range(1200)]
    training, held_out = hold_out(windows)
    assert len(training) + len(held_out) == len(windows)
    assert not {w.source for w in training} & {w.source for w in held_out}
    assert 0.5 * HELD_OUT_SHARE < len(held_out) / len(windows) < 1.5 * HELD_OUT_SHARE


def test_a_clip_held_out_in_one_data_set_is_held_out_in_every_data_set() -> None:
    few, many = ([window(f"clip {k}") for k in range(count)] for count in (300, 900))
    held_of_few = {w.source for w in hold_out(few)[1]}
    held_of_many = {w.source for w in hold_out(many)[1]}
    assert held_of_few == held_of_many & {w.source for w in few}


def test_one_of_two_clips_is_held_out() -> None:
    for names in (("a", "b"), ("c", "d"), ("e", "f")):
        training, held_out = hold_out([window(name) for name in names])
        assert len(training) == len(held_out) == 1


def test_a_single_clip_is_refused() -> None:
    with pytest.raises(InputError, match="held out") as caught:
        hold_out([window("a"), window("a")])
    assert caught.value.remedy


def test_small_windows_are_left_out_and_only_small_windows_are_refused() -> None:
    small, large = window("a", 48, 640), window("b", 64, 64)
    assert large_enough([small, large], 64) == [large]
    with pytest.raises(InputError, match="48 pixels at most, the crops need 64") as caught:
        large_enough([small, small], 64)
    assert caught.value.remedy
