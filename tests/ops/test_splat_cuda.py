"""Tests of the CUDA kernels: with nvcc, thread by thread on the host, and on a GPU if there is one."""

import ctypes
import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vfi_cli.ops.splat import average_splat, average_splat_torch
from vfi_cli.ops.splat_cuda import SOURCE, VALUES, _kernel, average_splat_cupy

HOST = """
#include <cmath>
#include <cstring>
#define __device__
#define __global__
static struct { unsigned x; } blockIdx, blockDim, threadIdx;
static float __fmul_rn(float a, float b) { return a * b; }
static float __fadd_rn(float a, float b) { return a + b; }
static float __uint_as_float(unsigned bits) { float value; std::memcpy(&value, &bits, 4); return value; }
static void atomicAdd(float* to, float value) { *to += value; }
extern "C" void set_thread(unsigned block, unsigned size, unsigned thread) {
    blockIdx.x = block, blockDim.x = size, threadIdx.x = thread;
}
"""


def on_device(test: Any) -> Any:
    return pytest.mark.cuda(pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")(test))


def image_and_flow(B: int, C: int, H: int, W: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(7)
    flow = torch.randn(B, 2, H, W, generator=draw) * 5
    flow[0, 0, 1, 2], flow[0, 1, 2, 1], flow[0, 0, 2, 2] = float("nan"), float("inf"), -1e30
    return torch.rand(B, C, H, W, generator=draw), flow


@pytest.mark.parametrize("value", VALUES.values())
def test_compiles(value: str, tmp_path: Path) -> None:
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("nvcc is not available")
    source = tmp_path / "splat.cu"
    source.write_text(SOURCE)
    for arch in ("sm_80", "sm_90"):
        command = [nvcc, "-cubin", f"-arch={arch}", "-Werror=all-warnings", f"-DVALUE={value}", source]
        subprocess.run([*command, "-o", tmp_path / arch], check=True)


@pytest.fixture
def cupy_on_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A fake CuPy: the C++ compiler builds its kernels, and the host runs their threads one by one."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler is available")

    def raw_kernel(code: str, name: str, options: tuple[str, ...]) -> Any:
        (tmp_path / "splat.cpp").write_text(HOST + code)
        library = tmp_path / f"{name}.so"
        flags = ["-O1", "-shared", "-fPIC", *options]
        subprocess.run([compiler, *flags, tmp_path / "splat.cpp", "-o", library], check=True)
        built = ctypes.CDLL(str(library))

        def launch(grid: tuple[int], block: tuple[int], arguments: tuple[Any, ...]) -> None:
            # CuPy passes a Python int as 64 bits, and a NumPy scalar in its own type.
            c = [ctypes.c_float(a) if isinstance(a, np.float32) else ctypes.c_int64(a) for a in arguments]
            for group, thread in itertools.product(range(grid[0]), range(block[0])):
                built.set_thread(group, block[0], thread)
                built[name](*c)

        return launch

    cuda = SimpleNamespace(Device=nullcontext, ExternalStream=lambda *_: nullcontext())
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(RawKernel=raw_kernel, cuda=cuda))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=0))
    _kernel.cache_clear()
    yield
    _kernel.cache_clear()


@pytest.mark.usefixtures("cupy_on_the_host")
def test_the_kernels_equal_the_reference_when_the_host_runs_them() -> None:
    for size in ((2, 3, 7, 19), (1, 1, 5, 4), (1, 8, 4, 6)):
        x, flow = image_and_flow(*size)
        expected = average_splat_torch(x, flow, 0.5)
        for layout in (torch.contiguous_format, torch.channels_last):
            inputs = [tensor.contiguous(memory_format=layout) for tensor in (x, flow)]
            torch.testing.assert_close(average_splat_cupy(*inputs, 0.5), expected)


@on_device
@pytest.mark.parametrize("dtype", VALUES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("channels", [1, 3, 16])
def test_equals_the_reference(dtype: torch.dtype, layout: torch.memory_format, channels: int) -> None:
    pytest.importorskip("cupy")
    x, flow = image_and_flow(2, channels, 65, 130)
    x, flow = x.to("cuda", dtype, memory_format=layout), flow.cuda()
    out, weight = average_splat_cupy(x, flow, 0.5)
    expected, expected_weight = average_splat_torch(x.float(), flow, 0.5)
    assert out.dtype == dtype and out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(weight, expected_weight, atol=1e-4, rtol=1e-4)
    solid = expected_weight > 1e-3
    torch.testing.assert_close(out * solid, (expected * solid).to(dtype))


@on_device
def test_is_captured_into_a_graph() -> None:
    x, flow = (tensor.cuda() for tensor in image_and_flow(1, 3, 65, 130))
    average_splat(x, flow)  # compiles before the capture
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = average_splat(x, flow)
    x.copy_(x.flip(3))
    graph.replay()
    for actual, expected in zip(captured, average_splat_torch(x, flow), strict=True):
        torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)


@on_device
def test_gradients_equal_those_of_the_reference() -> None:
    inputs = [tensor.cuda().requires_grad_() for tensor in image_and_flow(1, 3, 33, 41)]
    gradients = [
        torch.autograd.grad(splat(*inputs)[1].square().sum(), inputs[1])[0]
        for splat in (average_splat, average_splat_torch)
    ]
    torch.testing.assert_close(*gradients, atol=1e-3, rtol=1e-3)
