from fractions import Fraction

import pytest

from vfi_cli.errors import UsageError
from vfi_cli.timing.pauses import Pauses

F = Fraction


def changes(gaps: list[F], limit: F | None = None) -> list[F]:
    pauses, found = Pauses(limit), []
    for gap in gaps:
        pauses.learn(gap)
        found.append(pauses.change(gap))
    return found


def test_after_a_much_longer_gap_the_motion_takes_one_usual_gap():
    usual = [F(1, 30)] * 10
    assert changes([*usual, F(5, 2), *usual]) == [F(1, 30)] * 21


@pytest.mark.parametrize(
    "gaps",
    [
        [F(2)] * 5,  # a time lapse
        [F(2), F(19, 10), F(5, 2), F(3)],
        [*[F(1, 30)] * 10, F(2, 30), *[F(1, 30)] * 10],  # a frame is missing
        [*[F(1, 60)] * 10, F(1, 5), *[F(1, 60)] * 10],  # a short delay
        [F(1, 10), F(3, 10), F(1, 10), F(6, 10)],
        [F(7)],
    ],
)
def test_low_frame_rates_and_single_lost_frames_are_no_pauses(gaps: list[F]):
    assert changes(gaps) == gaps


def test_pauses_between_single_changes_do_not_become_the_usual_gap():
    assert changes([*[F(1, 30)] * 20, *[F(1, 2)] * 20])[20:] == [F(1, 30)] * 20


def test_after_many_long_gaps_long_gaps_are_usual():
    assert changes([*[F(1, 30)] * 60, *[F(1, 2)] * 60])[-1] == F(1, 2)


def test_the_limit_can_be_set_and_switched_off():
    gaps = [F(1, 30), F(1, 30), F(1, 10), F(3)]
    assert changes(gaps, F(1, 20)) == [F(1, 30)] * 4
    assert changes(gaps, F(1)) == [*gaps[:3], F(1, 30)]
    assert changes(gaps, F(0)) == gaps
    assert changes([F(2)] * 3, F(1)) == [F(1)] * 3  # if all gaps are longer, the motion takes as long as the limit
    with pytest.raises(UsageError, match="--max-gap"):
        Pauses(F(-1))
