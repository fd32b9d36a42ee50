"""The constant frame rate behind rounded, late or missing times is found."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from vfi_cli.video.timestamps.frame_rate import find_grid, snap_rate

F = Fraction
MS, FINE = F(1, 1000), F(1, 90_000)


def rounded(times: list[F], tick: F) -> list[F]:
    return [round(time / tick) * tick for time in times]


def jittered(rate: F | int, count: int, jitter: F, seed: int = 1) -> list[F]:
    rng = random.Random(seed)
    return [F(0), *(k / F(rate) + jitter * F(rng.uniform(-1, 1)) for k in range(1, count))]


def test_snapping_finds_ntsc_rates_and_leaves_others_alone():
    assert snap_rate(Fraction("23.976")) == Fraction(24000, 1001)
    assert snap_rate(Fraction("59.94")) == Fraction(60000, 1001)
    assert snap_rate(Fraction("24.0001")) == 24
    assert snap_rate(Fraction("12.5")) == Fraction(25, 2)
    assert snap_rate(Fraction("4.2")) == Fraction("4.2")


@pytest.mark.parametrize("tick", [MS, FINE])
@pytest.mark.parametrize("rate", [F(30), F(30000, 1001), F(24000, 1001), F(60), F(25, 2)])
def test_a_missing_or_late_frame_does_not_change_the_rate(rate: F, tick: F):
    times = [k / rate for k in range(60)]
    late = times[20] + F(2, 5) / rate
    grid = find_grid(rounded([*times[:7], *times[8:20], late, *times[21:]], tick), tick)
    assert grid is not None
    assert (grid.rate, grid.faults, grid.tolerated) == (rate, 2, 2)


@pytest.mark.parametrize("rate", [F(30), F(30000, 1001), F(25), F(10)])
def test_jitter_of_some_milliseconds_is_no_fault(rate: F):
    grid = find_grid(rounded(jittered(rate, 300, F(2, 1000)), MS), MS)
    assert grid is not None and (grid.rate, grid.faults) == (rate, 0)


def test_the_grid_of_a_pulldown_is_found():
    times = [F(1001 * (5 * (k // 2) + 3 * (k % 2)), 60000) for k in range(60)]
    grid = find_grid(rounded(times, MS), MS)
    assert grid is not None and grid.rate == F(60000, 1001)
    assert grid.faults > grid.tolerated


def test_a_recording_with_many_gaps_has_a_grid_with_too_many_faults():
    times = [F(k, 30) for k in range(200) if k % 3 or 90 < k < 120]
    grid = find_grid(rounded(times, MS), MS)
    assert grid is not None and grid.rate == 30 and grid.faults > grid.tolerated


def test_a_drifting_rate_has_no_grid():
    times, time = [], F(0)
    for k in range(600):
        times.append(time)
        time += 1 / (F(30) + F(3, 10) * (1 if k // 100 % 2 else -1))
    assert find_grid(times, FINE) is None


def test_random_times_have_no_grid():
    rng = random.Random(3)
    for _ in range(50):
        times = sorted(F(rng.randrange(2000), 1000) for _ in range(40))
        assert find_grid(times, MS) is None


def test_few_frames_prove_no_grid():
    assert find_grid([F(k, 30) for k in range(8)], FINE) is None
