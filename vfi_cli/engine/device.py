"""Where the network runs, and in which precision."""

from __future__ import annotations

import contextlib
import ctypes
import platform
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from vfi_cli.cpus import available_cpus
from vfi_cli.errors import DeviceError, UsageError

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT_BYTES = 1 << 30

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class OutOfMemoryError(DeviceError):
    """The device cannot hold what is to be computed."""

    def __init__(self) -> None:
        super().__init__("out of memory", remedy="use a smaller clip, or a device with more memory")


@dataclass(frozen=True)
class Runtime:
    """A device and the type of its convolutions; flow, coordinates and blending are float32 everywhere."""

    device: torch.device
    dtype: torch.dtype

    @property
    def label(self) -> str:
        """For people: "CPU, 2 threads, bf16"."""
        precision = next(name for name, dtype in PRECISIONS.items() if dtype == self.dtype)
        if self.device.type == "cuda":
            return f"{torch.cuda.get_device_name(self.device)}, {precision}"
        threads = torch.get_num_threads()
        return f"CPU, {threads} thread{'s' * (threads > 1)}, {precision}"


def resolve(device: str = "auto", precision: str = "auto") -> Runtime:
    """`auto` picks CUDA where there is one, else the CPU; half precision where the device computes it natively.

    device: "auto", "cpu", "cuda" or "cuda:1". precision: "auto", "fp32", "bf16" or "fp16".
    Raises DeviceError for a device or precision that is not there, UsageError for a name that means nothing.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise UsageError(f"unknown device {device!r}", remedy="use auto, cpu, cuda or cuda:N") from error
    if chosen.type not in ("cpu", "cuda"):
        raise UsageError(f"unknown device {device!r}", remedy="use auto, cpu, cuda or cuda:N")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise DeviceError(f"there is no {device}: {count} CUDA devices found", remedy="use --device cpu")
    if chosen.type == "cuda":
        # What is kept in float32, above all the flow itself, is not to be rounded to the 10 bits of TF32.
        torch.backends.cudnn.allow_tf32 = False
    if chosen.type == "cpu":
        torch.set_num_threads(available_cpus())
        _keep_freed_memory()
    return Runtime(chosen, _dtype(precision, chosen))


def _dtype(precision: str, device: torch.device) -> torch.dtype:
    if precision == "auto":
        return _native_half(device) or torch.float32
    if precision not in PRECISIONS:
        known = ", ".join(("auto", *PRECISIONS))
        raise UsageError(f"unknown precision {precision!r}", remedy=f"use one of {known}")
    dtype = PRECISIONS[precision]
    if dtype == torch.float16 and device.type == "cpu":
        raise DeviceError("the CPU has no fast fp16", remedy="use --precision bf16 or fp32")
    return dtype


def _native_half(device: torch.device) -> torch.dtype | None:
    """The half precision that the hardware computes in; emulated it is slower than float32."""
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        return torch.bfloat16 if capability >= (8, 0) else torch.float16 if capability >= (7, 0) else None
    if platform.machine() in ("x86_64", "AMD64"):  # oneDNN says yes to any AVX-512, and emulates
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    else:
        native = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if native else None


@contextlib.contextmanager
def failures_of_the_device() -> Iterator[None]:
    """Raises OutOfMemoryError where torch or Python run out of memory, DeviceError where the device breaks down."""
    try:
        yield
    except torch.AcceleratorError as error:
        reason = str(error).partition("\n")[0]
        raise DeviceError(f"the device failed: {reason}", remedy="try again, or use --device cpu") from error
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        raise OutOfMemoryError from error
    except MemoryError as error:
        raise OutOfMemoryError from error


def _keep_freed_memory() -> None:
    """Let glibc hand the next frame the memory of the last one, not fresh pages: 8 % of the time of a 720p frame."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL("libc.so.6")
        for option in (MMAP_THRESHOLD, TRIM_THRESHOLD):
            libc.mallopt(option, KEPT_BYTES)
