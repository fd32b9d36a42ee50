"""The worker process: it interpolates one clip after the other for its parent, see `pool`."""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import NoReturn

from vfi_cli.engine.interpolator import Interpolator
from vfi_cli.errors import OutputError, VfiError
from vfi_cli.jobs.batch.messages import FROM_TERMINAL, Build, LogLine, Message, Ready
from vfi_cli.jobs.interp.plan import InterpJob
from vfi_cli.jobs.interp.run_clip import run
from vfi_cli.jobs.interp.summary import Progress, Summary

_SECONDS_PER_REPORT = 0.2


def serve(connection: Connection, template: InterpJob, make: Build, log_level: int) -> NoReturn:
    """Do the jobs that arrive through `connection`, until it is closed, with the network that `make(template)` builds.

    Sends Ready, or if the network cannot be built, a VfiError and nothing else. Then sends for each job Progress, and
    at the end its Summary or a VfiError. Sends log lines at any time. If the parent ends, the current job ends as if
    by a signal.
    """
    signal.signal(signal.SIGTERM, _exit_on_signal)
    for number in FROM_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    code = 0
    try:
        _serve(connection, template, make, log_level)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    os._exit(code)  # a regular exit would wait long for torch


def _serve(connection: Connection, template: InterpJob, make: Build, log_level: int) -> None:
    sender = _Sender(connection)
    logger = logging.getLogger("vfi_cli")
    logger.handlers, logger.propagate = [_LogForwarder(sender)], False
    logger.setLevel(log_level)
    try:
        interpolator = make(template)
    except VfiError as error:
        sender.send(error)
        return
    sender.send(Ready(interpolator.runtime.label))
    while True:
        try:
            job: InterpJob = connection.recv()
        except (EOFError, OSError):
            return
        interpolator.begin_clip()
        sender.send(_run_job(job, interpolator, sender))


def _run_job(job: InterpJob, interpolator: Interpolator, sender: _Sender) -> Summary | VfiError:
    """Do `job` and return its Summary or its error. A bug also becomes an error, so that the other clips go on."""
    try:
        if job.target is not None:
            make_folder(job.target.parent)
        return run(job, sender.report, interpolator)
    except VfiError as error:
        return error
    except Exception as error:
        logging.getLogger(__name__).debug("%s", job.source, exc_info=True)
        return VfiError(f"{type(error).__name__}: {error} (this is a bug of vfi: please report it)", path=job.source)


def make_folder(folder: Path) -> None:
    """Create `folder` and its parents if they do not exist. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder cannot be created: {error.strerror}", path=folder) from error


class _Sender:
    """Sends messages to the parent. Several threads may use it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = Lock()
        self._last = 0.0

    def send(self, message: Message) -> None:
        """Send `message`. Raises SystemExit if the parent has ended."""
        try:
            with self._lock:
                self._connection.send(message)
        except OSError as error:
            raise SystemExit(1) from error

    def report(self, progress: Progress) -> None:
        """Send `progress`, unless the last report is too recent."""
        if time.monotonic() - self._last >= _SECONDS_PER_REPORT:
            self._last = time.monotonic()
            self.send(progress)


class _LogForwarder(logging.Handler):
    """Sends log lines to the parent."""

    def __init__(self, sender: _Sender) -> None:
        super().__init__()
        self._sender = sender

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(SystemExit):  # the next progress message will end this process
            self._sender.send(LogLine(record.name, record.levelno, self.format(record)))


def _exit_on_signal(number: int, _: FrameType | None) -> NoReturn:
    """Handle a signal: raise SystemExit, so that files are closed and removed. Ignore the signal from now on."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)
