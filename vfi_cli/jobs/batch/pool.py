"""A pool of worker processes that interpolate clips in parallel. If a worker dies, only its current clip is lost.

    parent                    worker (spawned, one per device)
      |    <-------- Ready      has built its network
      |  InterpJob -------->
      |    <----- Progress ...
      |    <-- Summary or error
      |  InterpJob -------->

When either process ends, its end of the pipe is closed, and the other process notices that.
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
"""Seconds that a worker has to clean up before it is killed."""


def build_network(job: InterpJob) -> Interpolator:
    """Build the interpolator that `job` asks for. Raises VfiError."""
    from vfi_cli.engine.interpolator import load_interpolator

    return load_interpolator(job.model, job.device, job.precision, job.routing)


class WorkerPool:
    """A pool of worker processes, all of them ready when the constructor returns.

    As a context manager it stops the workers at the end.

    Args:
        template: the job whose network all workers build.
        devices: one worker for each entry; its network runs there, see `engine.device.resolve`. The workers share the
            CPUs evenly, and a worker that is not started has a share too. So the threads per clip do not depend on
            `at_most`, and a run with few clips left can resume the clips of the run before it.
        make: builds the interpolator of a worker. The worker must be able to import it.
        at_most: start at most so many workers.

    Raises VfiError if a worker cannot start, e.g. because its device does not exist.
    """

    def __init__(
        self, template: InterpJob, devices: Sequence[str], make: Build = build_network, *, at_most: int | None = None
    ) -> None:
        self._template = template
        self._make = make
        self._threads = max(1, available_cpus() // len(devices))
        self._workers: list[_Worker] = []
        self._free_devices: list[str] = []  # devices whose worker died during a job
        self._start_error: VfiError | None = None  # the error of the first worker that could not start
        try:
            self._workers += [self._start(device) for device in devices[:at_most]]
            while not all(worker.ready for worker in self._workers):
                for worker in self._wait_for_messages():
                    self._handle_message(worker)
                if self._start_error is not None:
                    raise self._start_error
        except BaseException:
            self.stop()
            raise

    def run(self, jobs: Sequence[InterpJob]) -> Iterator[tuple[int, Progress | Summary | VfiError]]:
        """Do `jobs`. They begin in the given order, each when a worker is free.

        Yields pairs (number of the job, event). The events of a job are Progress from time to time, and at the end a
        Summary or an error.
        """
        waiting = deque(enumerate(jobs))
        while waiting or any(worker.number is not None for worker in self._workers):
            while waiting and self._free_devices:
                self._workers.append(self._start(self._free_devices.pop()))
            if not self._workers:
                failed, _ = waiting.popleft()
                yield failed, self._start_error or VfiError("all workers have ended")
                continue
            for worker in self._workers:
                if waiting and worker.ready and worker.number is None:
                    worker.begin(*waiting.popleft())
            for worker in self._wait_for_messages():
                number = worker.number
                event = self._handle_message(worker)
                if number is not None and event is not None:
                    yield number, event

    def stop(self) -> None:
        """End all workers. They have GRACE seconds to remove their temporary files, then they are killed."""
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + GRACE
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            worker.close()
        self._workers.clear()

    def _start(self, device: str) -> _Worker:
        return _Worker(replace(self._template, device=device), self._make, self._threads)

    def _wait_for_messages(self) -> list[_Worker]:
        """Wait for messages; return the workers that have sent one, or have ended."""
        readable = wait([worker.connection for worker in self._workers])
        return [worker for worker in self._workers if worker.connection in readable]

    def _handle_message(self, worker: _Worker) -> Progress | Summary | VfiError | None:
        """Receive the next message of `worker`, and update the state of the pool.

        Returns the message if it is about the current job of the worker, else None. The end of a worker during a job is
        an error about that job.
        """
        message = worker.receive()
        if isinstance(message, LogLine):
            logging.getLogger(message.logger).log(message.level, "%s", message.text)
            return None
        if isinstance(message, Ready):
            worker.ready = True
            log.info("%s on %s", self._template.model, message.label)
            return None
        if worker.ended:
            self._workers.remove(worker)
            worker.close()
        if not worker.ready:
            self._start_error = (
                message if isinstance(message, VfiError) and self._start_error is None else self._start_error
            )
            return None
        if worker.ended:
            self._free_devices.append(worker.device)
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
    """One worker process, as the parent sees it.

    Attributes:
        ready: it has built its network.
        ended: it has ended.
        number: that of its current job; None: it has no job.
    """

    def __init__(self, template: InterpJob, make: Build, threads: int) -> None:
        self.device = template.device
        self.ready = False
        self.ended = False
        self.number: int | None = None
        context = get_context("spawn")
        self.connection, worker_end = context.Pipe()
        level = logging.getLogger("vfi_cli").getEffectiveLevel()
        if level == logging.INFO:  # lines at this level would be the same for every clip
            level = logging.WARNING
        # A daemon, so that the parent does not wait at exit for a worker that it has not stopped.
        self.process = context.Process(target=_run_worker, args=(worker_end, template, make, level), daemon=True)
        ensure_running()  # otherwise `start` would start the resource tracker, which unblocks SIGINT
        with _environment("OMP_NUM_THREADS", str(threads)), _blocked(FROM_TERMINAL):
            self.process.start()
        worker_end.close()

    def begin(self, number: int, job: InterpJob) -> None:
        self.number = number
        with suppress(OSError):  # the worker has just died, which `receive` will report
            self.connection.send(job)

    def receive(self) -> Message:
        """Return the next message. If the worker has ended, set `ended` and return the reason as an error."""
        try:
            message: Message = self.connection.recv()
        except (EOFError, OSError):
            self.ended = True
            self.process.join(GRACE)
            return _error_of_exit(self.process.exitcode)
        return message

    def close(self) -> None:
        """Kill the process if it is still running, and close the connection."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def _run_worker(connection: Connection, template: InterpJob, make: Build, log_level: int) -> None:
    """The main function of the worker process."""
    from vfi_cli.jobs.batch.worker import serve

    serve(connection, template, make, log_level)


def _error_of_exit(code: int | None) -> VfiError:
    """The error of a worker that ended with the exit code `code`. A negative code is the number of a signal."""
    if code == -signal.SIGKILL:
        return DeviceError(
            "the worker was killed, probably because the memory was full",
            remedy="use fewer --workers, or smaller clips",
        )
    how = f"signal {-code} ({signal.Signals(-code).name})" if code is not None and code < 0 else f"exit code {code}"
    return VfiError(f"the worker ended with {how}")


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set an environment variable for the processes that are started inside the `with` block."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


@contextmanager
def _blocked(signals: Collection[signal.Signals]) -> Iterator[None]:
    """Block `signals` inside the `with` block, so that processes that are started there inherit the block.

    This process receives the blocked signals afterwards.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
