"""The number of threads to use: CPUs that this process may use, where libraries count all CPUs of the host."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def available_cpus() -> int:
    """The number of CPUs that this process may use, at least 1.

    Limits are the CPU affinity, the quota of a container (cgroup v2) and OMP_NUM_THREADS.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no cgroup file, or its quota is "max"
        quota, period = map(int, _QUOTA.read_text().split())
        count = min(count, -(-quota // period))
    with suppress(KeyError, ValueError):
        count = min(count, int(os.environ["OMP_NUM_THREADS"]))
    return max(1, count)
