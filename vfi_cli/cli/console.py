"""Output and end of a command: log, progress and one line per error go to stderr, data goes to stdout."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from threading import Timer
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from vfi_cli.errors import VfiError

if TYPE_CHECKING:
    from tqdm import tqdm

    from vfi_cli.jobs.interp.summary import Progress

SECONDS_PER_LINE = 10.0
"""If stderr is no terminal, one line of progress is printed in this time."""

JSON_SCHEMA = 1
"""Version of the JSON output. It is increased when a key is removed or changes its meaning."""

SECONDS_TO_LEAVE = 1.0
"""After a signal, the time to close and remove everything; then the process ends."""

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def run(command: Callable[[], object]) -> NoReturn:
    """Run `command` and exit with its code; an error becomes one line, and with --debug a traceback."""
    _prepare()
    try:
        result = command()
        code = result if isinstance(result, int) else 0
    except VfiError as error:
        code = _fail(error, str(error), error.exit_code)
    except typer.TyperException as error:  # the command line could not be parsed
        code = _fail(error, f"{error.format_message()} (see --help)", error.exit_code)
    except BrokenPipeError:
        code = 1
    except _SignalError as error:
        _complain("; ".join(["interrupted", *_notes(error)]))
        _flush()
        os._exit(error.number + 128)  # everything is closed; an orderly exit of torch and Python can take seconds
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        code = _fail(error, f"{what} (this is a bug of vfi: please report it, with the output of --debug)", 1)
    _flush()
    sys.exit(code)


class _SignalError(SystemExit):
    """A signal told the process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """Signal handler: raise an exception, so that files are closed and temporary files removed.

    Closing can take long in a codec or on a slow disk. After SECONDS_TO_LEAVE the process ends without it: finished
    segments are already safe.
    """
    for name in _SIGNALS:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    patience = Timer(SECONDS_TO_LEAVE, _drop_everything, [128 + number])
    patience.daemon = True
    patience.start()
    raise _SignalError(number)


def _drop_everything(code: int) -> NoReturn:
    _complain("interrupted, and nothing was tidied up")
    os._exit(code)


def _fail(error: Exception, text: str, code: int) -> int:
    if "--debug" in sys.argv:
        traceback.print_exception(error)
    _complain("; ".join([text, *_notes(error)]))
    return code


def _notes(error: BaseException) -> list[str]:
    """The notes that a job added to its error: what it finished, and how to continue."""
    return getattr(error, "__notes__", [])


def _complain(text: str) -> None:
    say(f"vfi: error: {text}")


def one_line(text: str) -> str:
    """`text` with its control characters escaped, because file names may contain line breaks and escape sequences."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _prepare() -> None:
    """Prepare the process: signals raise an exception; stdout and stderr exist and accept any text."""
    for name in _SIGNALS:
        signal.signal(getattr(signal, name), _leave)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the calling process closed it
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123
        getattr(sys, name).reconfigure(errors="backslashreplace")


def _flush() -> None:
    """Flush stdout and stderr. If their reader is gone, drop the rest of the output, so that the exit does not fail."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def set_up_logging(*, quiet: bool, verbose: bool) -> None:
    """Show the log of vfi: infos and warnings; only errors if `quiet`; also debug messages if `verbose`."""
    log = logging.getLogger("vfi_cli")
    log.handlers = [_Handler()]
    log.propagate = False
    log.setLevel(logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO)


class _Handler(logging.Handler):
    """Prints each record as one line to stderr, above the progress bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        say(f"vfi: {level}{record.getMessage()}")


def say(text: str) -> None:
    """Print a line to stderr. The work continues if nobody reads it."""
    text = one_line(text)
    try:
        if "tqdm" in sys.modules:
            sys.modules["tqdm"].tqdm.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr)
    except OSError:
        pass


def print_line(text: str) -> None:
    """Print a line to stdout."""
    print(one_line(text))


def print_data(data: dict[str, Any]) -> None:
    """Print a JSON object to stdout, with the version of its keys, see docs/json.md."""
    print(json.dumps({"schema": JSON_SCHEMA, **data}, indent=2))


class ProgressBar:
    """Shows `Progress`: on a terminal a bar with rate and time left, elsewhere a line every `SECONDS_PER_LINE`."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: tqdm[Any] | None = None
        self._last = time.monotonic()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, progress: Progress) -> None:
        if self._quiet:
            return
        try:
            if sys.stderr.isatty():
                self._draw(progress)
            elif time.monotonic() - self._last >= SECONDS_PER_LINE:
                self._last = time.monotonic()
                say(f"vfi: {describe(progress)}")
        except OSError:  # nobody reads stderr
            self._quiet = True

    def _draw(self, progress: Progress) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=progress.expected or None, unit="frame", leave=False, file=sys.stderr)
        self._bar.set_postfix_str(_refined(progress), refresh=False)
        self._bar.update(progress.written - self._bar.n)


def describe(progress: Progress) -> str:
    """One line: frames, frames per second, and the time left if it is known."""
    rate = (progress.written - progress.kept) / progress.seconds if progress.seconds else 0.0
    if not progress.expected:
        return ", ".join(filter(None, (f"{progress.written} frames", f"{rate:.1f} fps", _refined(progress))))
    left = max(0, progress.expected - progress.written) / rate if rate else 0.0
    share = min(1.0, progress.written / progress.expected)
    parts = [
        f"{progress.written} of about {progress.expected} frames ({share:.0%})",
        f"{rate:.1f} fps",
        _refined(progress),
        f"{clock(left)} left",
    ]
    return ", ".join(filter(None, parts))


def clock(seconds: float) -> str:
    """Seconds as "1:02:03"; under an hour as "2:03"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _refined(progress: Progress) -> str:
    shares = progress.route_shares
    return f"{sum(shares) / len(shares):.0%} of patches refined" if shares else ""
