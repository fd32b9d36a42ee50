"""Describes the machine that a timing was measured on."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch


@dataclass(frozen=True, slots=True)
class Machine:
    """CPU, GPU (empty if there is none), torch version, torch threads, and the date (UTC, ISO 8601)."""

    cpu: str
    gpu: str
    torch: str
    threads: int
    date: str

    @classmethod
    def here(cls) -> Machine:
        return cls(
            cpu=_cpu_name(),
            gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else "",
            torch=torch.__version__,
            threads=torch.get_num_threads(),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def _cpu_name() -> str:
    """The model name of the CPU on Linux; the processor or architecture on other systems."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
