"""How many threads to use: libraries count the CPUs of the host, we count those we may run on."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def available_cpus() -> int:
    """CPUs this process may run on, at least 1; a container's quota (cgroup v2) and OMP_NUM_THREADS count."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no cgroup, or "max": no quota
        quota, period = map(int, _QUOTA.read_text().split())
        count = min(count, -(-quota // period))
    with suppress(KeyError, ValueError):
        count = min(count, int(os.environ["OMP_NUM_THREADS"]))
    return max(1, count)
