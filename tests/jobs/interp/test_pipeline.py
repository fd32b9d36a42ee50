import signal
import threading
import time

import pytest

from vfi_cli.jobs.interp.pipeline import Pipeline


@pytest.fixture(autouse=True)
def no_thread_is_left_and_nothing_hangs():
    def too_late(*_):
        raise TimeoutError("the pipeline hangs")

    before = threading.active_count()
    previous = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)
    assert threading.active_count() == before


def failing(items, error):
    yield from items
    raise error


def test_all_items_arrive_once_and_in_order():
    written = []
    with Pipeline("body") as pipeline:
        write = pipeline.sink("sink", written.append)
        for item in pipeline.source("source", range(100)):
            write(2 * item)
    assert written == [2 * item for item in range(100)]


def test_all_written_items_are_consumed_before_the_block_ends():
    written = []

    def slowly(item):
        time.sleep(0.01)
        written.append(item)

    with Pipeline("body") as pipeline:
        write = pipeline.sink("sink", slowly)
        for item in range(8):
            write(item)
    assert written == list(range(8))


def test_a_source_runs_no_further_ahead_than_the_depth():
    taken = []
    with Pipeline("body", depth=3) as pipeline:
        items = pipeline.source("source", (taken.append(k) or k for k in range(100)))
        next(items)
        time.sleep(0.1)
        assert len(taken) <= 1 + 3 + 1  # one returned, three in the queue, one that waits for a place in it
        for _ in items:
            pass


def test_a_body_runs_no_further_ahead_than_the_depth():
    gate, started = threading.Event(), []
    with Pipeline("body", depth=2) as pipeline:
        write = pipeline.sink("sink", lambda item: (started.append(item), gate.wait()))
        writer = threading.Thread(target=lambda: [write(k) for k in range(10)])
        writer.start()
        time.sleep(0.1)
        assert len(started) == 1
        gate.set()
        writer.join()
    assert started == list(range(10))


def test_the_error_of_a_source_is_raised_by_the_block():
    written = []
    with pytest.raises(OSError, match="cable"), Pipeline("body") as pipeline:
        write = pipeline.sink("sink", written.append)
        for item in pipeline.source("source", failing(range(3), OSError("cable"))):
            write(item)


def test_the_error_of_a_sink_stops_an_endless_source():
    def refuse(_):
        raise OSError("disk full")

    def endless():
        while True:
            yield 0

    with pytest.raises(OSError, match="disk full"), Pipeline("body") as pipeline:
        write = pipeline.sink("sink", refuse)
        for item in pipeline.source("source", endless()):
            write(item)


def test_the_error_of_a_sink_on_its_last_item_is_not_lost():
    def refuse(_):
        time.sleep(0.05)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), Pipeline("body") as pipeline:
        pipeline.sink("sink", refuse)(1)


@pytest.mark.parametrize("error", [ValueError("bug"), KeyboardInterrupt(), SystemExit(143)])
def test_an_error_in_the_body_stops_all_stages(error):
    with pytest.raises(type(error)), Pipeline("body") as pipeline:
        write = pipeline.sink("sink", lambda _: None)
        for item in pipeline.source("source", iter(int, 1)):
            write(item)
            raise error


def test_the_first_of_two_errors_is_raised():
    def refuse(_):
        raise OSError("first")

    with pytest.raises(OSError, match="first"), Pipeline("body", depth=1) as pipeline:
        write = pipeline.sink("sink", refuse)
        for item in pipeline.source("source", iter(int, 1)):
            write(item)
            time.sleep(0.01)


def test_a_signal_while_the_body_waits_ends_the_wait():
    def interrupt(*_):
        raise KeyboardInterrupt

    gate = threading.Event()
    previous = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), Pipeline("body") as pipeline:
            items = pipeline.source("source", (gate.wait(0.5) for _ in range(3)))
            threading.Timer(0.1, lambda: signal.raise_signal(signal.SIGUSR1)).start()
            next(items)
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_times_count_work_and_not_waiting():
    def slow(items):
        for item in items:
            time.sleep(0.02)
            yield item

    with Pipeline("body") as pipeline:
        write = pipeline.sink("sink", lambda _: None)
        for item in pipeline.source("source", slow(range(10))):
            write(item)
    source, body, sink = pipeline.times
    assert (source.name, body.name, sink.name) == ("source", "body", "sink")
    assert body.items == sink.items == source.items == 10
    assert source.busy >= 0.2 > 5 * (body.busy + sink.busy)
    assert source.rate == pytest.approx(10 / source.busy)
