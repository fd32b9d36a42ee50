"""Clocks that jitter about a constant rate are told from variable frame rates."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from tests.media import make_clip
from vfi_cli.jobs.interp.plan import InterpJob, make_plan
from vfi_cli.timing.timeline import Between, Cfr, Nominal, jitter_of
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe
from vfi_cli.video.timestamps.frame_rate import find_grid
from vfi_cli.video.timestamps.jitter import find_jittered

F = Fraction
MS, FINE = F(1, 1000), F(1, 90_000)


def rounded(times: list[float], tick: F) -> list[F]:
    return [round(F(time) / tick) * tick for time in times]


def jittered(rate: F, jitter: float, count: int, missing: tuple[int, ...] = (), seed: int = 1) -> list[float]:
    """Times from 1 s on. Each time, also the first, has an error of up to `jitter` seconds."""
    rng = random.Random(seed)
    times = [1 + k / float(rate) + rng.uniform(-jitter, jitter) for k in range(count)]
    return [time for k, time in enumerate(times) if k not in missing]


@pytest.mark.parametrize("missing", [(), (70,), (30, 71)])
@pytest.mark.parametrize("tick", [MS, FINE])
@pytest.mark.parametrize(
    ("rate", "jitter"),
    [(F(24), 0.004), (F(24), 0.012), (F(30), 0.008), (F(30), 0.012), (F(60), 0.004)],
)
def test_the_constant_rate_of_a_jittering_clock_is_found(rate: F, jitter: float, tick: F, missing: tuple[int, ...]):
    times = rounded(jittered(rate, jitter, 150, missing), tick)
    assert find_grid(times, tick) is None
    grid = find_jittered(times)
    assert grid is not None and grid.phase is not None
    assert (grid.rate, grid.faults) == (rate, len(missing))

    nominal = Nominal(grid.rate, tick, jitter_of(1 / grid.rate, proved=True), grid.phase)
    placed = [nominal.time(time) for time in times]
    assert placed[0] == times[0]
    gaps = sorted((after - before) * rate for before, after in pairwise(placed))
    assert gaps == [1] * (len(gaps) - len(missing)) + [2] * len(missing)
    schedule = Cfr(2 * rate)
    slots = [slot for time in placed for slot in schedule.feed(time)]
    assert sum(isinstance(slot.action, Between) for slot in slots) == 149 + len(missing)


@pytest.mark.parametrize("skipped", [1, 10, 40])
def test_a_part_of_a_jittering_clip_is_evenly_spaced_too(skipped: int):
    times = rounded(jittered(F(30), 0.01, 150), MS)
    grid = find_jittered(times)
    assert grid is not None
    nominal = Nominal(grid.rate, MS, jitter_of(1 / grid.rate, proved=True), grid.phase)
    placed = [nominal.time(time) for time in times[skipped:]]
    assert {after - before for before, after in pairwise(placed)} == {F(1, 30)}


def random_walk(rng: random.Random, spread: float) -> list[float]:
    return [*accumulate(max(0.004, rng.gauss(1 / 30, spread)) for _ in range(150))]


VARIABLE: dict[str, Callable[[random.Random], list[float]]] = {
    "gaps that vary by 1 ms": lambda rng: random_walk(rng, 0.001),
    "gaps that vary by 4 ms": lambda rng: random_walk(rng, 0.004),
    "a camera in the dark": lambda rng: [*accumulate(rng.choice([1 / 30, 1 / 25]) for _ in range(150))],
    "a game": lambda rng: [*accumulate(rng.choice([0.028, 0.035, 0.042]) for _ in range(150))],
    "a rate that swings": lambda _: [*accumulate((1 + math.sin(k / 5) / 10) / 30 for k in range(150))],
    "a rate that changes": lambda _: [*accumulate(1 / (28 if 60 < k < 100 else 30) for k in range(150))],
    "many missing frames": lambda rng: jittered(F(30), 0.01, 180, tuple(rng.sample(range(1, 180), 30))),
}


@pytest.mark.parametrize("kind", VARIABLE)
def test_a_variable_frame_rate_is_not_changed(kind: str):
    for seed in range(10):
        times = rounded(VARIABLE[kind](random.Random(seed)), MS)
        assert find_jittered(times) is None


def test_many_frames_distinguish_similar_rates():
    for rate in (F(30000, 1001), F(30)):
        grid = find_jittered(rounded(jittered(rate, 0.01, 900), MS))
        assert grid is not None and grid.rate == rate


def test_few_frames_prove_no_jitter():
    assert find_jittered(rounded(jittered(F(30), 0.008, 90), MS)) is None


def test_jitter_of_half_an_interval_is_too_much():
    assert find_jittered(rounded(jittered(F(60), 0.009, 300), MS)) is None


def test_a_clip_from_a_jittering_camera_is_doubled_with_one_new_frame_per_frame(tmp_path: Path):
    times = rounded(jittered(F(30), 0.008, 120), MS)
    clip = make_clip(tmp_path / "camera.mkv", 120, rate=30, times=times, time_base=MS, options={"bf": "0"})
    info = probe(clip)
    assert (info.average_rate, info.vfr) == (30, False)
    plan = make_plan(InterpJob(source=clip, fps="60"))
    schedule, clock = plan.schedule(), plan.clock()
    with decode(info) as decoder:
        slots = [slot for _, moment in clock.place(decoder) for slot in schedule.feed(moment.shown)]
    assert sum(isinstance(slot.action, Between) for slot in slots) == 119
    assert {slot.action.t for slot in slots if isinstance(slot.action, Between)} == {F(1, 2)}
