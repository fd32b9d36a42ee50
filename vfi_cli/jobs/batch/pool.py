"""Processes that interpolate clips side by side. One that dies takes its clip with it and nothing else.

    parent                    worker (spawned, one per device)
      |    <-------- Ready      has built its network
      |  InterpJob -------->
      |    <----- Progress ...
      |    <-- Summary or error
      |  InterpJob -------->

The end of either process closes the pipe, by which the other one notices.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.resource_tracker import ensure_running
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vfi_cli.cpus import available_cpus
from vfi_cli.errors import DeviceError, VfiError
from vfi_cli.jobs.batch.messages import FROM_TERMINAL, Build, LogLine, Message, Ready
from vfi_cli.jobs.interp.plan import InterpJob
from vfi_cli.jobs.interp.summary import Progress, Summary

if TYPE_CHECKING:
    from vfi_cli.engine.interpolator import Interpolator

log = logging.getLogger(__name__)

GRACE = 1.0
"""Seconds that a worker has to unwind before it is killed."""


def build_network(job: InterpJob) -> Interpolator:
    """The interpolator that `job` asks for. Raises VfiError."""
    from vfi_cli.engine.interpolator import build

    return build(job.model, job.device, job.precision, job.routing)


class WorkerPool:
    """A worker for each entry of `devices`, `at_most` so many; all are ready when this returns. As a context manager it
    stops them.

    Args:
        like: a job; the network of all of them is that of this one.
        devices: where the network of each worker runs, see `engine.device.resolve`. They share the CPUs evenly; who is
            not started keeps its share, so that a run with few clips left computes as the one before it did.
        make: gives a worker its interpolator; it must be able to import it.

    Raises VfiError if a worker cannot start, e.g. because its device is not there.
    """

    def __init__(
        self, template: InterpJob, devices: Sequence[str], make: Build = build_network, *, at_most: int | None = None
    ) -> None:
        self._template = template
        self._make = make
        self._threads = max(1, available_cpus() // len(devices))
        self._workers: list[_Worker] = []
        self._vacant: list[str] = []  # devices whose worker died at work
        self._lost: VfiError | None = None  # why a worker could not start
        try:
            self._workers += [self._start(device) for device in devices[:at_most]]
            while not all(worker.ready for worker in self._workers):
                for worker in self._with_news():
                    self._hear(worker)
                if self._lost is not None:
                    raise self._lost
        except BaseException:
            self.stop()
            raise

    def run(self, jobs: Sequence[InterpJob]) -> Iterator[tuple[int, Progress | Summary | VfiError]]:
        """Do `jobs`, each begun in its turn when a worker is free.

        Yields what happens to them, with their number: Progress now and then, at last a Summary or an error.
        """
        waiting = deque(enumerate(jobs))
        while waiting or any(worker.number is not None for worker in self._workers):
            while waiting and self._vacant:
                self._workers.append(self._start(self._vacant.pop()))
            if not self._workers:
                job, _ = waiting.popleft()
                yield job, self._lost or VfiError("no worker is left")
                continue
            for worker in self._workers:
                if waiting and worker.ready and worker.number is None:
                    worker.begin(*waiting.popleft())
            for worker in self._with_news():
                number = worker.number
                event = self._hear(worker)
                if number is not None and event is not None:
                    yield number, event

    def stop(self) -> None:
        """End all workers. They have `GRACE` seconds to remove what they began, then they are killed."""
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + GRACE
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            worker.close()
        self._workers.clear()

    def _start(self, device: str) -> _Worker:
        return _Worker(replace(self._template, device=device), self._make, self._threads)

    def _with_news(self) -> list[_Worker]:
        """Waits until there is one."""
        links = wait([worker.link for worker in self._workers])
        return [worker for worker in self._workers if worker.link in links]

    def _hear(self, worker: _Worker) -> Progress | Summary | VfiError | None:
        """The next message of `worker` about its job, None if it is about something else."""
        message = worker.receive()
        if isinstance(message, LogLine):
            logging.getLogger(message.logger).log(message.level, "%s", message.text)
            return None
        if isinstance(message, Ready):
            worker.ready = True
            log.info("%s on %s", self._template.model, message.label)
            return None
        if worker.gone:
            self._workers.remove(worker)
            worker.close()
        if not worker.ready:
            self._lost = message if isinstance(message, VfiError) and self._lost is None else self._lost
            return None
        if worker.gone:
            self._vacant.append(worker.device)
        if not isinstance(message, Progress):
            worker.number = None
        return message

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Worker:
    """The parent's end of one process; `number` is that of the job at work."""

    def __init__(self, template: InterpJob, make: Build, threads: int) -> None:
        self.device = template.device
        self.ready = False
        self.gone = False
        self.number: int | None = None
        context = get_context("spawn")
        self.link, far = context.Pipe()
        level = logging.getLogger("vfi_cli").getEffectiveLevel()
        if level == logging.INFO:  # notes that every clip would repeat
            level = logging.WARNING
        # A daemon, so that a parent that forgets it does not wait for it at exit.
        self.process = context.Process(target=_work, args=(far, template, make, level), daemon=True)
        ensure_running()  # of itself it would let signals through
        with _environment("OMP_NUM_THREADS", str(threads)), _held_back(FROM_TERMINAL):
            self.process.start()
        far.close()

    def begin(self, number: int, job: InterpJob) -> None:
        self.number = number
        with suppress(OSError):  # it just died: the next message says so
            self.link.send(job)

    def receive(self) -> Message:
        """What it says, or if it is `gone`, what it died of."""
        try:
            message: Message = self.link.recv()
        except (EOFError, OSError):
            self.gone = True
            self.process.join(GRACE)
            return _death(self.process.exitcode)
        return message

    def close(self) -> None:
        """End the process, if it has not ended."""
        self.process.kill()
        self.process.join()
        self.link.close()


def _work(link: Connection, template: InterpJob, make: Build, log_level: int) -> None:
    """The process."""
    from vfi_cli.jobs.batch.worker import serve

    serve(link, template, make, log_level)


def _death(code: int | None) -> VfiError:
    """The error of a worker that ended with `code`; negative is a signal."""
    if code == -signal.SIGKILL:
        return DeviceError(
            "the worker was killed, as happens when the memory runs out", remedy="use fewer --workers, or smaller clips"
        )
    how = f"signal {-code} ({signal.Signals(-code).name})" if code is not None and code < 0 else f"exit code {code}"
    return VfiError(f"the worker ended with {how}")


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Processes started inside find the variable set."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


@contextmanager
def _held_back(signals: Collection[signal.Signals]) -> Iterator[None]:
    """Processes started inside never see `signals`, this one sees them afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
