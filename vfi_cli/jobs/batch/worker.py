"""The process that interpolates one clip after the other for its parent, see `pool`."""

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


def serve(link: Connection, template: InterpJob, make: Build, log_level: int) -> NoReturn:
    """Do the jobs that come through `link`, all with the network that `make` gives for `template`, until it is closed.

    Sends Ready, or a VfiError and no more if there is no network; then for each job Progress, at last its Summary or
    a VfiError; and log lines at any time. If the parent is gone, the job under way ends as by a signal.
    """
    signal.signal(signal.SIGTERM, _leave)
    for number in FROM_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    code = 0
    try:
        _serve(link, template, make, log_level)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    os._exit(code)  # to take torch down in good order lasts longer than anyone wants to wait


def _serve(link: Connection, template: InterpJob, make: Build, log_level: int) -> None:
    post = _Post(link)
    logger = logging.getLogger("vfi_cli")
    logger.handlers, logger.propagate = [_Forward(post)], False
    logger.setLevel(log_level)
    try:
        interpolator = make(template)
    except VfiError as error:
        post.send(error)
        return
    post.send(Ready(interpolator.runtime.label))
    while True:
        try:
            job: InterpJob = link.recv()
        except (EOFError, OSError):
            return
        interpolator.begin_clip()
        post.send(_do(job, interpolator, post))


def _do(job: InterpJob, interpolator: Interpolator, post: _Post) -> Summary | VfiError:
    """What becomes of `job`; a bug is no reason to give up the clips that follow."""
    try:
        if job.target is not None:
            make_folder(job.target.parent)
        return run(job, post.report, interpolator)
    except VfiError as error:
        return error
    except Exception as error:
        logging.getLogger(__name__).debug("%s", job.source, exc_info=True)
        return VfiError(f"{type(error).__name__}: {error} (this is a bug of vfi: please report it)", path=job.source)


def make_folder(folder: Path) -> None:
    """Create `folder` and those above it, where they are missing. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder cannot be created: {error.strerror}", path=folder) from error


class _Post:
    """The way to the parent, for several threads."""

    def __init__(self, link: Connection) -> None:
        self._link = link
        self._lock = Lock()
        self._last = 0.0

    def send(self, message: Message) -> None:
        """Raises SystemExit if the parent is gone."""
        try:
            with self._lock:
                self._link.send(message)
        except OSError as error:
            raise SystemExit(1) from error

    def report(self, progress: Progress) -> None:
        if time.monotonic() - self._last >= _SECONDS_PER_REPORT:
            self._last = time.monotonic()
            self.send(progress)


class _Forward(logging.Handler):
    def __init__(self, post: _Post) -> None:
        super().__init__()
        self._post = post

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(SystemExit):  # the next progress tells that nobody listens
            self._post.send(LogLine(record.name, record.levelno, self.format(record)))


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """Unwind, so that everything is closed and removed; once is enough."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)
