"""The messages of a worker to its parent process, see `pool`. This file loads no torch: the parent needs none."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from vfi_cli.errors import VfiError
from vfi_cli.jobs.interp.plan import InterpJob
from vfi_cli.jobs.interp.summary import Progress, Summary

if TYPE_CHECKING:
    from vfi_cli.engine.interpolator import Interpolator

FROM_TERMINAL = (signal.SIGINT, signal.SIGHUP)
"""The terminal sends these signals to the whole process group. Workers ignore them: the parent ends its workers."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has built its network, and waits for the first job. `label` is the name of the device, for users."""

    label: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that the worker logged, for the log of the parent."""

    logger: str
    level: int
    text: str


Message: TypeAlias = Ready | LogLine | Progress | Summary | VfiError
Build: TypeAlias = "Callable[[InterpJob], Interpolator]"
