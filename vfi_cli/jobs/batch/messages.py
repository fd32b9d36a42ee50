"""What a worker tells its parent, see `pool`. Nothing here loads torch, which the parent can spare."""

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
"""The terminal sends these to the whole group of processes, but it is for the parent to end its workers."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has its network, on the device that `label` tells people, and waits for the first job."""

    label: str


@dataclass(frozen=True, slots=True)
class LogLine:
    logger: str
    level: int
    text: str


Message: TypeAlias = Ready | LogLine | Progress | Summary | VfiError
Build: TypeAlias = "Callable[[InterpJob], Interpolator]"
