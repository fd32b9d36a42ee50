"""A pipeline of stages in several threads, connected by bounded queues.

    with Pipeline("interpolate") as pipeline:
        frames = pipeline.source("decode", decoder)        # iterated in its own thread
        write = pipeline.sink("encode", encoder.write)     # called in its own thread
        for frame in frames:
            write(work(frame))

    decode --[queue]--> body of the `with` --[queue]--> encode

When the `with` block ends, every thread has ended, and the sinks have consumed all written items. If a stage fails, the
other stages stop and the block raises that error. The same holds for an error or a signal in the body. Each queue holds
at most `depth` items, which bounds the memory.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Condition, Thread
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class StageTime:
    """What a stage did: `items` handled in `busy` seconds of work. Waiting for other stages does not count."""

    name: str
    items: int = 0
    busy: float = 0.0

    @property
    def rate(self) -> float:
        """Items per second of work; 0 before the first item."""
        return self.items / self.busy if self.busy else 0.0


class Pipeline:
    """A body, threads that produce its input, and threads that consume its output; see the docstring of the file.

    Args:
        body: name of the body, for `times`.
        depth: the most items in a queue.
    """

    def __init__(self, body: str, depth: int = 4) -> None:
        self._depth = depth
        self._changed = Condition()
        self._stopped = False
        self._error: BaseException | None = None
        self._threads: list[Thread] = []
        self._sinks: list[_Queue[object]] = []
        self._interrupts: list[Callable[[], None]] = []
        self._body = StageTime(body)
        self._times = [self._body]

    @property
    def times(self) -> tuple[StageTime, ...]:
        """The work of every stage, in the order sources, body, sinks."""
        return tuple(self._times)

    def source(self, name: str, items: Iterable[T], interrupt: Callable[[], None] = lambda: None) -> Iterator[T]:
        """Iterate over `items` in a thread, ahead of the body. Returns an iterator over the same items.

        If `items` can block forever, `interrupt` must end the wait. It is called from another thread.
        """
        self._interrupts.append(interrupt)
        queue: _Queue[T] = _Queue(self._changed, self._depth, lambda: self._stopped)
        stage = StageTime(name)
        self._times.insert(self._times.index(self._body), stage)

        def work() -> None:
            iterator = iter(items)
            while True:
                begin = time.perf_counter()
                try:
                    item = next(iterator)
                except StopIteration:
                    break
                finally:
                    stage.busy += time.perf_counter() - begin
                stage.items += 1
                queue.put(item)
            queue.end()

        self._start(name, work)
        return self._without_waiting_time(iter(queue))

    def sink(self, name: str, consume: Callable[[T], None]) -> Callable[[T], None]:
        """Return a function that queues an item for `consume`, which a thread calls for every item, in order."""
        queue: _Queue[T] = _Queue(self._changed, self._depth, lambda: self._stopped)
        stage = StageTime(name)
        self._times.append(stage)

        def work() -> None:
            for item in queue:
                begin = time.perf_counter()
                consume(item)
                stage.busy += time.perf_counter() - begin
                stage.items += 1

        def put(item: T) -> None:
            begin = time.perf_counter()
            queue.put(item)
            self._body.items += 1
            self._body.busy -= time.perf_counter() - begin

        self._start(name, work)
        self._sinks.append(queue)  # type: ignore[arg-type]  # only its `end` is called
        return put

    def __enter__(self) -> Pipeline:
        self._body.busy -= time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._body.busy += time.perf_counter()
        try:
            if error is None:
                for queue in self._sinks:
                    queue.end()
                for thread in self._threads:
                    thread.join()
        finally:  # this also runs if a signal interrupts `join`
            self._stop(None)
            for thread in self._threads:
                thread.join()
        if self._error is not None and (error is None or isinstance(error, _StoppedError)):
            raise self._error from None

    def _start(self, name: str, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except _StoppedError:
                pass
            except BaseException as error:
                self._stop(error)

        thread = Thread(target=run, name=name)
        self._threads.append(thread)
        thread.start()

    def _stop(self, error: BaseException | None) -> None:
        with self._changed:
            self._stopped = True
            self._error = self._error or error
            self._changed.notify_all()
        for interrupt in self._interrupts:
            interrupt()

    def _without_waiting_time(self, items: Iterator[T]) -> Iterator[T]:
        """Yield `items`. The time spent waiting for them is subtracted from the time of the body."""
        while True:
            begin = time.perf_counter()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                self._body.busy -= time.perf_counter() - begin
            yield item


class _StoppedError(Exception):
    """Raised in a stage when another stage has failed. The error of that other stage is shown instead."""


class _Queue(Generic[T]):
    """A queue of at most `depth` items between two threads. Both threads stop waiting when the pipeline stops."""

    def __init__(self, changed: Condition, depth: int, stopped: Callable[[], bool]) -> None:
        self._changed = changed
        self._depth = depth
        self._stopped = stopped
        self._items: deque[T] = deque()
        self._ended = False

    def put(self, item: T) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped() or len(self._items) < self._depth)
            if self._stopped():
                raise _StoppedError
            self._items.append(item)
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped() or self._ended or bool(self._items))
                if self._stopped():
                    raise _StoppedError
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
