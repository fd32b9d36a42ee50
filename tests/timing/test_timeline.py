from fractions import Fraction
from itertools import pairwise

import pytest

from vfi_cli.errors import LimitError, UsageError
from vfi_cli.timing.timeline import (
    MAX_GAP,
    MAX_SLOTS_PER_GAP,
    Between,
    Cfr,
    Copy,
    Hold,
    Multiply,
    Nominal,
    Schedule,
    Slot,
    across,
    parse_multiple,
    parse_rate,
    parse_time,
)

F = Fraction


def slots_of(schedule: Schedule, times: list[F], last_duration: F) -> list[Slot]:
    slots = [slot for time in times for slot in schedule.feed(time)]
    return slots + schedule.finish(last_duration)


def regular(fps: F | int, count: int, start: F | int = 0) -> list[F]:
    return [start + F(k) / fps for k in range(count)]


def test_24_to_60_fps_gives_the_exact_values_of_t():
    slots = slots_of(Cfr(F(60)), regular(24, 3), F(1, 24))
    assert [slot.action for slot in slots] == [
        Copy(0),
        Between(0, 1, F(2, 5)),
        Between(0, 1, F(4, 5)),
        Between(1, 2, F(1, 5)),
        Between(1, 2, F(3, 5)),
        Copy(2),
        Hold(2),
        Hold(2),
    ]


@pytest.mark.parametrize("source", [F(24), F(24000, 1001), F(25), F(30), F(60), F(1000), F(1, 10)])
@pytest.mark.parametrize("target", [F(60), F(60000, 1001), F(24), F(7)])
@pytest.mark.parametrize("start", [F(0), F(-1, 2), F(1, 3)])
def test_cfr_gives_all_slots_before_the_end_and_no_others(source, target, start):
    slots = slots_of(Cfr(target), regular(source, 11, start), 1 / source)
    end = start + F(11) / source
    assert [slot.pts for slot in slots] == [start + k / target for k in range(len(slots))]
    assert slots[-1].pts < end <= slots[-1].pts + 1 / target
    assert all(slot.duration == 1 / target for slot in slots)


def test_cfr_places_every_slot_at_its_true_time_in_uneven_sources():
    times = [F(0), F(1, 10), F(4, 10), F(5, 10)]
    for slot in slots_of(Cfr(F(30)), times, F(1, 10)):
        match slot.action:
            case Copy(index):
                assert times[index] == slot.pts
            case Between(left, right, t):
                assert right == left + 1 and 0 < t < 1
                assert times[left] + t * (times[right] - times[left]) == slot.pts
            case Hold(index):
                assert index == 3 and slot.pts > times[-1]


def test_an_hour_of_ntsc_film_does_not_drift():
    schedule, rate = Cfr(F(60000, 1001)), F(24000, 1001)
    count = sum(len(schedule.feed(k / rate)) for k in range(86_314))
    count += len(schedule.finish(1 / rate))
    assert count == 86_314 * 5 // 2


def test_a_lower_frame_rate_skips_frames():
    slots = slots_of(Cfr(F(10)), regular(30, 6), F(1, 30))
    assert [slot.action for slot in slots] == [Copy(0), Copy(3)]


def test_slow_motion_is_the_source_with_stretched_times():
    slots = slots_of(Cfr(F(25)), [4 * time for time in regular(25, 2)], F(4, 25))
    quarter = [Between(0, 1, F(k, 4)) for k in (1, 2, 3)]
    assert [slot.action for slot in slots] == [Copy(0), *quarter, Copy(1), Hold(1), Hold(1), Hold(1)]


def test_multiply_keeps_uneven_times_and_divides_every_gap_in_half():
    times = [F(0), F(1, 10), F(4, 10)]
    slots = slots_of(Multiply(2), times, F(1, 10))
    assert [slot.pts for slot in slots] == [F(0), F(1, 20), F(1, 10), F(1, 4), F(4, 10), F(9, 20)]
    assert [slot.action for slot in slots[1::2]] == [Between(0, 1, F(1, 2)), Between(1, 2, F(1, 2)), Hold(2)]
    assert [slot.action for slot in slots[0::2]] == [Copy(0), Copy(1), Copy(2)]


@pytest.mark.parametrize("n", [2, 3, 8])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_multiply_gives_n_frames_per_source_frame_and_keeps_the_duration(n, count):
    slots = slots_of(Multiply(n), regular(24, count, F(1, 7)), F(1, 24))
    assert len(slots) == n * count
    assert slots[0].pts == F(1, 7)
    assert sum(slot.duration for slot in slots) == F(count, 24)
    assert all(a.pts + a.duration == b.pts for a, b in pairwise(slots))


def test_multiply_of_a_regular_source_equals_the_constant_rate():
    times = regular(25, 6, F(1, 2))
    doubled = slots_of(Multiply(2), times, F(1, 25))
    constant = slots_of(Cfr(F(50)), times, F(1, 25))
    assert [(s.pts, s.duration) for s in doubled] == [(s.pts, s.duration) for s in constant]
    assert [s.action for s in doubled] == [s.action for s in constant]


@pytest.mark.parametrize("schedule", [Cfr(F(60)), Multiply(2)])
def test_across_keeps_the_slots_and_fills_them_from_both_ends(schedule):
    times = [F(2), F(21, 10), F(24, 10)]
    slots = [slot for time in times for slot in schedule.feed(time)]
    moved = across(slots, 0, times[0], 2, times[-1])
    assert [(slot.pts, slot.duration) for slot in moved] == [(slot.pts, slot.duration) for slot in slots]
    for slot in moved:
        share = (slot.pts - times[0]) / (times[-1] - times[0])
        assert slot.action == {0: Copy(0), 1: Copy(2)}.get(share, Between(0, 2, share))


@pytest.mark.parametrize("schedule", [Cfr(F(60)), Multiply(2)])
def test_no_frames_give_no_slots(schedule):
    assert schedule.finish(F(1)) == []


@pytest.mark.parametrize("make", [lambda: Cfr(F(60)), lambda: Multiply(2)])
@pytest.mark.parametrize("second", [F(1), F(1, 2)])
def test_times_that_do_not_increase_are_refused(make, second):
    schedule = make()
    schedule.feed(F(1))
    with pytest.raises(ValueError, match="must increase"):
        schedule.feed(second)


def test_a_broken_timestamp_is_a_limit_error_and_does_not_fill_the_memory():
    schedule = Cfr(F(60))
    schedule.feed(F(0))
    with pytest.raises(LimitError):
        schedule.feed(F(2**62))
    schedule = Cfr(F(60))
    schedule.feed(F(0))
    with pytest.raises(LimitError):
        schedule.finish(F(MAX_SLOTS_PER_GAP, 60) + 1)


@pytest.mark.parametrize("schedule", [Cfr(F(1, 1000)), Multiply(2)])
def test_a_jump_of_more_than_a_day_is_a_limit_error(schedule: Schedule):
    schedule.feed(F(0))
    schedule.feed(F(MAX_GAP))
    with pytest.raises(LimitError, match="jump"):
        schedule.feed(F(2 * MAX_GAP + 1))


@pytest.mark.parametrize("rate", [F(24), F(24000, 1001), F(30000, 1001), F(60)])
def test_times_rounded_to_milliseconds_are_moved_to_the_nominal_rate(rate):
    nominal = Nominal(rate, F(1, 1000))
    rounded = [F(round(1000 * k / rate), 1000) for k in range(1000)]
    assert [nominal.time(pts) for pts in rounded] == [k / rate for k in range(1000)]
    assert nominal.duration(F(round(1000 / rate), 1000)) == 1 / rate


def test_times_off_the_nominal_rate_are_kept():
    nominal = Nominal(F(25), F(1, 1000))
    times = [F(0), F(40, 1000), F(95, 1000), F(300, 1000)]
    assert [nominal.time(pts) for pts in times] == times
    assert nominal.duration(F(1, 2)) == F(1, 2)


def test_nominal_times_increase_if_several_frames_lie_near_one_place_of_the_grid():
    nominal = Nominal(F(100, 3), F(1, 1000))
    times = [nominal.time(F(pts, 1000)) for pts in (0, 29, 30, 31, 59, 60, 61, 90)]
    assert times == sorted(set(times))


def test_one_late_frame_keeps_its_time_and_moves_no_other_frame():
    nominal = Nominal(F(30), F(1, 90_000), F(5, 1000))
    times = [F(k, 30) + (F(1, 100) if k == 7 else F(k % 3 - 1, 500) * (k > 0)) for k in range(20)]
    assert [nominal.time(pts) for pts in times] == [F(k, 30) + (F(1, 100) if k == 7 else 0) for k in range(20)]


def test_a_slightly_wrong_nominal_rate_moves_times_by_less_than_the_jitter():
    nominal, jitter = Nominal(F(30), F(1, 90_000), F(5, 1000)), F(5, 1000)
    times = [k / F(299, 10) for k in range(3000)]
    placed = [nominal.time(pts) for pts in times]
    assert all(abs(a - b) < jitter for a, b in zip(placed, times, strict=True))
    assert all(a < b for a, b in pairwise(placed))


def test_times_increase_if_frames_follow_closely_after_a_moved_frame():
    nominal = Nominal(F(30), F(1, 1000), F(5, 1000))
    times = [F(pts, 1000) for pts in (0, 29, 30, 31, 67, 96, 97, 98, 99, 133)]
    placed = [nominal.time(pts) for pts in times]
    assert all(a < b for a, b in pairwise(placed))
    assert all(abs(a - b) < F(5, 1000) for a, b in zip(placed, times, strict=True))


@pytest.mark.parametrize("schedule", [Cfr(F(10)), Multiply(4)])
def test_a_held_frame_changes_only_after_the_hold(schedule: Schedule):
    slots = schedule.feed(F(0)) + schedule.feed(F(2), hold=F(16, 10))
    changing = [slot for slot in slots if isinstance(slot.action, Between)]
    assert [slot.pts for slot in changing] == [F(17, 10), F(18, 10), F(19, 10)]
    assert [slot.action for slot in changing] == [Between(0, 1, F(k, 4)) for k in (1, 2, 3)]
    assert {slot.action for slot in slots if slot.pts <= F(16, 10)} == {Copy(0)}


@pytest.mark.parametrize("rate, tick", [(None, F(1, 1000)), (F(500), F(1, 1000))])
def test_times_are_kept_if_ticks_are_too_coarse_for_the_rate(rate, tick):
    nominal = Nominal(rate, tick)
    assert [nominal.time(F(pts, 1000)) for pts in (0, 1, 3)] == [F(0), F(1, 1000), F(3, 1000)]
    assert nominal.duration(F(1, 1000)) == F(1, 1000)


@pytest.mark.parametrize(
    "text, rate",
    [
        ("60", F(60)),
        ("59.94", F(60000, 1001)),
        ("59.940", F(60000, 1001)),
        ("23.976", F(24000, 1001)),
        ("23.98", F(24000, 1001)),
        ("29.97", F(30000, 1001)),
        ("119.88", F(120000, 1001)),
        ("60000/1001", F(60000, 1001)),
        ("12.5", F(25, 2)),
        ("23.95", F(479, 20)),
        ("2x", F(48000, 1001)),
        ("2.5x", F(60000, 1001)),
        ("1000", F(1000)),
    ],
)
def test_rates_are_read_as_people_write_them(text, rate):
    assert parse_rate(text, source=F(24000, 1001)) == rate


@pytest.mark.parametrize(
    "text",
    [
        *["0", "-2", "nan", "inf", "1e9", "60/0", "0/5", "0x", "65x", "1001", "x", "6 0", ""],
        *["0.000001", "0.0000001x", "29.123456789", "999.999999999", "60000000001/1000000001"],
    ],
)
def test_an_invalid_rate_is_a_usage_error(text):
    with pytest.raises(UsageError):
        parse_rate(text, source=F(24))


def test_a_multiple_of_an_unknown_rate_is_a_usage_error():
    with pytest.raises(UsageError, match="unknown"):
        parse_rate("2x", source=None)


@pytest.mark.parametrize("text", ["0", "1", "-2", "1.5", "65", "1000000000", "nan", ""])
def test_a_multiple_is_a_whole_number_from_2_to_64(text):
    with pytest.raises(UsageError, match="-m"):
        parse_multiple(text, "-m")
    assert parse_multiple("4", "-m") == 4


@pytest.mark.parametrize(
    "text, seconds", [("12.5", F(25, 2)), ("1:02.5", F(125, 2)), ("01:00:02", F(3602)), ("0", F(0))]
)
def test_times_are_read_as_ffmpeg_users_write_them(text, seconds):
    assert parse_time(text, "--ss") == seconds


@pytest.mark.parametrize("text", ["-1", "1:2:3:4", "nan", "10s", ""])
def test_an_invalid_time_is_a_usage_error(text):
    with pytest.raises(UsageError, match="--ss"):
        parse_time(text, "--ss")


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("rest", [F(1, 100_000), F(1, 100), F(3, 100), F(1, 25)])
def test_a_last_frame_that_is_cut_short_has_no_closer_slots_than_the_frames_before(n, rest):
    schedule = Multiply(n)
    slots = [slot for k in range(4) for slot in schedule.feed(F(k, 25))] + schedule.finish(rest)
    assert {right.pts - left.pts for left, right in pairwise(slots)} == {F(1, 25 * n)}
    assert slots[-1].pts + slots[-1].duration == F(3, 25) + rest
