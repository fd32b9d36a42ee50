from fractions import Fraction

from vfi_cli.timing.cadence import Cadence
from vfi_cli.timing.pace import Moment, Pace
from vfi_cli.timing.pauses import Pauses

F = Fraction


def test_without_a_cadence_every_moment_is_known_at_once():
    pace = Pace(Pauses())
    assert pace.feed(F(0)) == [Moment(F(0), F(0))]
    for k in range(1, 10):
        assert pace.feed(F(k, 10)) == [Moment(F(k, 10), F(k, 10))]
    assert pace.feed(F(5)) == [Moment(F(5), F(5), F(1, 10))]
    assert pace.finish(F(6)) == []


def test_repeats_wait_for_the_next_image_and_keep_their_times():
    """24 images in 60 frames per second."""
    pace = Pace(Pauses(), Cadence(F(1, 90_000)), move_slots=False)
    moments = []
    for k in range(41):
        moments += pace.feed(F(k, 60), repeat=k % 5 not in (0, 2))
    moments += pace.finish(F(41, 60))
    assert [moment.shown for moment in moments] == [F(k, 60) for k in range(41)]
    assert [moments[k].time for k in range(41) if k % 5 in (0, 2)] == [F(k, 24) for k in range(17)]
    assert not any(moment.change for moment in moments)


def test_the_slots_of_film_with_repeat_flags_move_with_its_images():
    pace = Pace(Pauses(), Cadence(F(1, 90_000)))
    times = [F(5 * (k // 2) + 3 * (k % 2), 60) for k in range(20)]
    moments = [moment for time in times for moment in pace.feed(time)] + pace.finish(times[-1] + F(1, 30))
    assert [moment.shown for moment in moments] == [moment.time for moment in moments] == [F(k, 24) for k in range(20)]


def test_a_long_first_frame_is_a_pause_if_the_frames_after_it_are_shorter():
    pace = Pace(Pauses(), Cadence(F(1, 1000)))
    times = [F(0), *(2 + F(k, 10) for k in range(20))]
    moments = [moment for time in times for moment in pace.feed(time)] + pace.finish(F(5))
    assert [moment.change for moment in moments] == [None, F(1, 10), *[None] * 19]
