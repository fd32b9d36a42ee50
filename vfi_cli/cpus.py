"""How many threads a codec may use: libraries count the CPUs of the host, we count those we may run on."""

from __future__ import annotations

import os


def available_cpus() -> int:
    """CPUs this process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
