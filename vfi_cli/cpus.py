"""How many threads to use: libraries count the CPUs of the host, we count those we may run on."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def available_cpus() -> int:
    """CPUs this process may run on, at least 1; a container's quota counts (cgroup v2)."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no cgroup, or "max": no quota
        quota, period = map(int, _QUOTA.read_text().split())
        count = min(count, -(-quota // period))
    return max(1, count)
