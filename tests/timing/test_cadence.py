from fractions import Fraction
from itertools import accumulate, cycle, islice, pairwise

import pytest

from vfi_cli.timing.cadence import LOOK_AHEAD, Cadence

F = Fraction
MS, FINE, FIELD = F(1, 1000), F(1, 90_000), F(1, 60)


def shown_for(*gaps: int, unit: F = FIELD) -> list[F]:
    """The times of images, `gaps` units apart."""
    return [k * unit for k in accumulate(gaps, initial=0)]


def repeated(period: list[int], count: int) -> list[int]:
    return list(islice(cycle(period), count))


def taken(times: list[F], tick: F = FINE) -> list[F]:
    cadence = Cadence(tick)
    placed = [time for shown in times for time in cadence.feed(shown)]
    return placed + cadence.finish(times[-1] + (times[-1] - times[-2]))


@pytest.mark.parametrize(
    "period, unit",
    [
        ([2, 3], F(1, 60)),  # 24 images in 60 frames
        ([3, 2], F(1001, 60000)),
        ([2, 3, 3, 2], F(1, 60)),
        ([3, 2, 3, 2, 2, 3], F(1, 60)),  # the same, with rounded times
        ([2, 2, 3, 2, 3], F(1, 60)),  # 25 in 60
        ([1, 1, 1, 2], F(1, 30)),  # 24 in 30
        ([1, 1, 1, 1, 2], F(1, 30)),  # 25 in 30
        ([2, 2, 1], F(1, 50)),  # 30 in 50
    ],
)
def test_images_with_a_cadence_are_spaced_evenly_from_the_first_on(period: list[int], unit: F):
    times = shown_for(*repeated(period, 60), unit=unit)
    placed = taken(times)
    assert {end - begin for begin, end in pairwise(placed)} == {sum(period) * unit / len(period)}
    assert placed[0] == times[0]
    assert max(abs(a - b) for a, b in zip(placed, times, strict=True)) <= max(period) * unit / 2


def test_24_images_in_50_frames_are_spaced_evenly_after_one_long_period():
    times = shown_for(*repeated([2] * 11 + [3], 120), unit=F(1, 50))
    placed = taken(times)
    assert {end - begin for begin, end in pairwise(placed[12:])} == {F(1, 24)}
    assert placed[-1] - times[-1] < F(1, 50)


def test_rounded_times_of_film_do_not_drift_in_an_hour():
    times = [F(round(1000 * time), 1000) for time in shown_for(*repeated([3, 2], 86_000), unit=F(1001, 60000))]
    placed = taken(times, MS)
    for k in range(0, len(times), 500):
        assert abs(placed[k] - k * F(1001, 24000)) <= F(9, 1000)  # half a frame at 60 Hz, plus the rounding
    assert all(F(40, 1000) < end - begin < F(43, 1000) for begin, end in pairwise(placed))


@pytest.mark.parametrize(
    "gaps",
    [
        [2] * 40,
        [1] * 20 + [2] + [1] * 20,  # a frame is missing
        [1, 30] * 20,  # a blinking cursor
        [1, 3] * 20,
        [1, 1, 1, 2, 2, 2] * 10,  # the images would move too far
        [2, 3, 2, 2, 3, 5, 2, 2, 2, 3, 2, 4, 3, 3, 2, 5, 4, 2],
        [2, 3, 2],
    ],
)
def test_without_a_cadence_images_keep_their_times(gaps: list[int]):
    times = shown_for(*gaps)
    assert taken(times) == times


@pytest.mark.parametrize("lost", [1, 4, 5])
@pytest.mark.parametrize("before", [14, 15, 30, 61])
def test_if_film_is_followed_by_video_times_increase_and_video_keeps_its_times(before: int, lost: int):
    film, video = repeated([2, 3], before), [1] * 40
    times = shown_for(*film, lost, *video, *film)
    placed = taken(times)
    assert all(begin < end for begin, end in pairwise(placed))
    assert placed[before + 1 : before + 40] == times[before + 1 : before + 40]
    assert {end - begin for begin, end in pairwise(placed[: before + 1])} == {F(1, 24)}
    assert {end - begin for begin, end in pairwise(placed[before + 42 : -1])} == {F(1, 24)}
    assert max(abs(a - b) for a, b in zip(placed, times, strict=True)) <= F(3, 120)


def test_the_look_ahead_and_the_history_are_bounded():
    cadence = Cadence(MS)
    times = shown_for(*repeated([2, 3], 2000))
    placed = 0
    for count, time in enumerate(times, 1):
        placed += len(cadence.feed(time))
        assert count - placed <= LOOK_AHEAD
    assert len(cadence._times) < 100
    assert placed + len(cadence.finish(times[-1] + F(1, 30))) == len(times)


def test_the_last_image_lies_before_the_end():
    cadence = Cadence(MS)
    times = shown_for(*repeated([2, 3], 13))
    end = times[-1] + MS
    placed = [time for shown in times for time in cadence.feed(shown)] + cadence.finish(end)
    assert placed[-1] < end
