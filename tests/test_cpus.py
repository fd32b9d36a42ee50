from __future__ import annotations

import os
from pathlib import Path

import pytest

from vfi_cli import cpus


@pytest.mark.parametrize(("quota", "count"), [("150000 100000", 2), ("1000 100000", 1), ("max 100000", 64), (None, 64)])
def test_the_quota_of_a_container_limits_the_cpus(
    quota: str | None, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpu.max"
    if quota is not None:
        file.write_text(quota + "\n")
    monkeypatch.setattr(cpus, "_QUOTA", file)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert cpus.available_cpus() == count


@pytest.mark.parametrize(("wanted", "count"), [("3", 3), ("100", 8), ("0", 1), ("many", 8)])
def test_omp_num_threads_limits_the_cpus(wanted: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpus, "_QUOTA", Path("missing"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert cpus.available_cpus() == count
