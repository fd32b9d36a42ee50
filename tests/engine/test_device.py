from __future__ import annotations

import os
import platform
from collections.abc import Iterator

import pytest
import torch

from vfi_cli.engine.device import Runtime, failures_of_the_device, resolve
from vfi_cli.errors import DeviceError, UsageError, VfiError


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_auto_is_the_cpu_without_a_gpu() -> None:
    assert resolve("auto").device == torch.device("cpu")


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_precision_is_half_only_where_it_is_native(
    native: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert resolve("cpu", "auto").dtype == dtype


@pytest.mark.parametrize(("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_a_precision_is_found_by_its_name(name: str, dtype: torch.dtype) -> None:
    assert resolve("cpu", name).dtype == dtype


@pytest.mark.parametrize(
    ("device", "precision", "kind", "says"),
    [
        ("cuda", "auto", DeviceError, "no cuda: 0 CUDA devices"),
        ("cuda:3", "auto", DeviceError, "no cuda:3"),
        ("cpu", "fp16", DeviceError, "fp16"),
        ("gpu", "auto", UsageError, "'gpu'"),
        ("meta", "auto", UsageError, "'meta'"),
        ("", "auto", UsageError, "unknown device"),
        ("cpu", "int8", UsageError, "'int8'"),
    ],
)
def test_an_unavailable_device_or_precision_is_refused_with_a_remedy(
    device: str, precision: str, kind: type[VfiError], says: str
) -> None:
    with pytest.raises(kind, match=says) as caught:
        resolve(device, precision)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("capability", "dtype"), [((9, 0), torch.bfloat16), ((7, 5), torch.float16), ((6, 1), torch.float32)], ids=str
)
def test_auto_picks_a_gpu_and_its_native_half_precision(
    capability: tuple[int, int], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert resolve("auto") == Runtime(torch.device("cuda"), dtype)
    assert resolve("cuda:1", "fp16").device.index == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no CPU affinity")
def test_uses_the_cpus_that_the_process_may_use() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert resolve("cpu", "fp32").label == "CPU, 1 thread, fp32"
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"),
    ],
    ids=["python", "cuda", "cpu"],
)
def test_running_out_of_memory_becomes_a_device_error(error: Exception) -> None:
    with pytest.raises(DeviceError, match="out of memory"), failures_of_the_device():
        raise error


def test_other_errors_are_not_changed() -> None:
    with pytest.raises(RuntimeError, match="shapes"), failures_of_the_device():
        raise RuntimeError("shapes differ")
