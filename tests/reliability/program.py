"""Runs the real command line in a new process, forked from a process that has already imported all modules.

By default, `tests.blend.Blend` replaces the network. `faults` names what to inject, see `faults.py`.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.reliability.faults import FAULTS

_PRELOADED = ("pytest", "numba", "vfi_cli.cli.app", "vfi_cli.cli.interp", "vfi_cli.jobs.interp.run_clip", "tests.blend")


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Args:
        code: the exit code; minus the signal that ended the run; or None if the run was killed after its timeout.
        out, err: the text on stdout and stderr.
        peak: the most resident memory, in bytes.
    """

    code: int | None
    out: str
    err: str
    seconds: float
    peak: int

    def __str__(self) -> str:
        return f"exit {self.code} after {self.seconds:.1f} s\n{self.out}{self.err}"

    @property
    def message(self) -> str:
        """The first error of stderr, or else its first warning; empty if there is none."""
        lines = self.err.splitlines()
        return next((line for word in ("error: ", "warning: ") for line in lines if f"vfi: {word}" in line), "")


class Run:
    """Starts `vfi` in a new process.

    Args:
        folder: for the text that the run prints.
        arguments: of the command line.
        faults: "NAME" or "NAME=VALUE" of `faults.FAULTS`, injected before the start.
        cwd: working folder; None: `folder`.
        environ: variables to add to the environment.
        timeout: seconds after which `wait` kills the run.
        on_end: called with the outcome when `wait` returns.
    """

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        *,
        faults: Sequence[str] = ("blend",),
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        timeout: float = 60,
        on_end: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(_PRELOADED))
        number = len(list(folder.glob("*.out")))
        self._out, self._err, self._peak = (folder / f"{number}.{kind}" for kind in ("out", "err", "peak"))
        self._out.touch()
        self._timeout, self._on_end = timeout, on_end
        arguments = [str(argument) for argument in arguments]
        settings = (arguments, tuple(faults), str(cwd or folder), dict(environ or {}))
        self._process = context.Process(target=_main, args=(*settings, *map(str, (self._out, self._err, self._peak))))
        self._process.start()
        self._begin = time.monotonic()
        self.pid = self._process.pid

    def send(self, number: int) -> None:
        """Send the signal `number` to the run."""
        os.kill(self.pid, number)

    def errors(self) -> str:
        """What the run has written to stderr so far."""
        return self._err.read_text(errors="replace") if self._err.exists() else ""

    def wait(self, timeout: float | None = None) -> Outcome:
        """Wait until the run ends. Kill it after `timeout` seconds (None: the timeout of the run)."""
        self._process.join(self._timeout if timeout is None else timeout)
        code = self._process.exitcode
        seconds = time.monotonic() - self._begin
        if code is None:
            self._process.kill()
            self._process.join()
        peak = int(self._peak.read_text()) if self._peak.exists() else 0
        outcome = Outcome(code, self._out.read_text(errors="replace"), self.errors(), seconds, peak)
        self._on_end(outcome)
        return outcome


def _main(
    arguments: list[str], faults: tuple[str, ...], cwd: str, environ: dict[str, str], out: str, err: str, peak: str
) -> None:
    for descriptor, path in ((0, os.devnull), (1, out), (2, err)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), descriptor)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.environ.update(environ)
    os.chdir(cwd)
    if os.geteuid() == 0:
        _drop_root_capabilities()
    try:
        call(arguments, faults)
    finally:
        with contextlib.suppress(OSError):
            Path(peak).write_text(str(_peak()))


def call(arguments: list[str], faults: Sequence[str]) -> None:
    """Run `vfi ARGUMENTS` in this process, which ends with it."""
    for fault in faults:
        name, _, value = fault.partition("=")
        FAULTS[name](*([value] if value else []))
    from vfi_cli.cli.app import main

    sys.argv = ["vfi", *arguments]
    main()


def _peak() -> int:
    from vfi_cli.measure.memory import peak_bytes

    return peak_bytes()


def _drop_root_capabilities() -> None:
    """Drop the capabilities of root that bypass file permissions. See linux/capability.h."""
    version, dac_override, dac_read_search, dac_fowner = 0x20080522, 1 << 1, 1 << 2, 1 << 3
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(version, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable sets, each in two parts of 32 bits
    if libc.capget(header, sets) == 0:
        for index in (0, 1):
            sets[index] &= ~(dac_override | dac_read_search | dac_fowner)
        libc.capset(header, sets)


if __name__ == "__main__":  # python -m tests.reliability.program FAULT,... ARGUMENTS
    call(sys.argv[2:], [fault for fault in sys.argv[1].split(",") if fault])
