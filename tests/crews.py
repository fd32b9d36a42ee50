"""Interpolators for workers, which find them by their names in this module."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from tests.blend import Blend
from vfi_cli.errors import DeviceError
from vfi_cli.jobs.plan import InterpJob


def blend(_: InterpJob) -> Blend:
    return Blend()


class Deadly(Blend):
    """Dies of a white frame, as of one that does not fit into the memory, and fails at a grey one."""

    def prepare(self, rgb: Tensor) -> Tensor:
        if rgb.mean() > 0.99:
            os.kill(os.getpid(), signal.SIGKILL)
        if rgb.std() < 0.01 and 0.4 < rgb.mean() < 0.6:
            raise ValueError("grey")
        return super().prepare(rgb)


def deadly(_: InterpJob) -> Deadly:
    return Deadly()


class Slow(Blend):
    def between(self, left: Tensor, right: Tensor, times: Sequence[float]) -> list[Tensor]:
        time.sleep(0.05)
        return super().between(left, right, times)


def slow(_: InterpJob) -> Slow:
    return Slow()


def only_once(job: InterpJob) -> Deadly:
    """A worker that starts once per folder of the source; later ones find no device."""
    mark = Path(job.source) / "started"
    if mark.exists():
        raise DeviceError("the device is gone")
    mark.touch()
    return Deadly()


def no_device(job: InterpJob) -> Blend:
    raise DeviceError(f"no {job.device} for {os.environ['OMP_NUM_THREADS']} threads")
