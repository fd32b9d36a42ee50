"""Functions that make interpolators in workers, which import them by name.

The parent process imports this module, but not torch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vfi_cli.errors import DeviceError
from vfi_cli.jobs.interp.plan import InterpJob

if TYPE_CHECKING:
    from tests.blend import Blend


def blend(_: InterpJob) -> Blend:
    from tests.blend import Blend

    return Blend()


def slow(_: InterpJob) -> Blend:
    from tests.blend import Slow

    return Slow()


def deadly(_: InterpJob) -> Blend:
    from tests.blend import Deadly

    return Deadly()


def no_device(job: InterpJob) -> Blend:
    raise DeviceError(f"no {job.device} for {os.environ['OMP_NUM_THREADS']} threads")


def only_once(job: InterpJob) -> Blend:
    """A `Deadly` for the first worker of a source folder; later workers get a DeviceError."""
    mark = Path(job.source) / "started"
    if mark.exists():
        raise DeviceError("the device is gone")
    mark.touch()
    return deadly(job)
