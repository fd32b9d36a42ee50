"""Average splatting: the torch reference and the numba kernel equal the NumPy oracle."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.oracles import splat as oracle
from vfi_cli.ops.splat import average_splat, average_splat_torch
from vfi_cli.ops.splat_cpu import BAND, average_splat_numba

TEACHER = Path(os.environ.get("VFI_TEACHER", "teacher"))  # a folder with EBME's published network

Splat = Callable[..., tuple[Tensor, Tensor]]
every_kernel = pytest.mark.parametrize("splat", [average_splat, average_splat_torch, average_splat_numba])


def image_and_flow(B: int, C: int, H: int, W: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(H * W)
    x = torch.rand(B, C, H, W, generator=draw, dtype=dtype)
    flow = torch.randn(B, 2, H, W, generator=draw, dtype=dtype) * 5
    return x, ((flow * 64).floor() + 0.5) / 64  # exact in single precision, and never a whole pixel


@every_kernel
@pytest.mark.parametrize("size", [(1, 3, 1, 1), (2, 3, 12, 17), (1, 1, 2 * BAND + 3, 5), (1, 6, 4, 40)])
def test_equals_the_oracle(splat: Splat, size: tuple[int, int, int, int]) -> None:
    x, flow = image_and_flow(*size)
    out, weight = splat(x, flow)
    assert out.shape == x.shape and weight.shape == (size[0], 1, *size[2:])
    for k in range(size[0]):
        expected, expected_weight = oracle.average_splat(x[k].numpy(), flow[k].numpy())
        torch.testing.assert_close(out[k], torch.from_numpy(expected).float(), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(weight[k, 0], torch.from_numpy(expected_weight).float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("levels", [3, 4])
@every_kernel
def test_equals_the_splatting_of_ebme(splat: Splat, levels: int) -> None:
    fixture = TEACHER / f"fixture-{levels}-levels.safetensors"
    if not fixture.exists():
        pytest.skip(f"{fixture.name} is not available")
    tensors = load_file(fixture)
    frame = tensors["frame_0"].permute(2, 0, 1)[None] / 255
    out, weight = splat(frame, tensors["flow"][None, :2], 0.5)
    torch.testing.assert_close(out[0], tensors["warped_0_half"], atol=1e-6, rtol=0)
    torch.testing.assert_close(weight[0], tensors["weight_0_half"], atol=1e-5, rtol=0)


@every_kernel
def test_zero_flow_is_the_identity(splat: Splat) -> None:
    x, flow = image_and_flow(1, 3, 9, 11)
    out, weight = splat(x, torch.zeros_like(flow))
    assert torch.equal(out, x)
    assert torch.equal(weight, torch.ones_like(weight))


@every_kernel
def test_a_pixel_moves_by_dx_and_dy_and_leaves_a_hole(splat: Splat) -> None:
    x, flow = torch.zeros(1, 1, 6, 8), torch.zeros(1, 2, 6, 8)
    x[0, 0, 2, 3] = 1
    flow[0, :, 2, 3] = torch.tensor([4, 2])
    out, weight = splat(x, flow)
    assert out[0, 0, 4, 7] == 0.5  # shared with the pixel that was there and stays
    assert weight[0, 0, 4, 7] == 2
    assert out[0, 0, 2, 3] == weight[0, 0, 2, 3] == 0


@every_kernel
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 3e38, -3e38, 1e10])
def test_a_pixel_with_infinite_or_huge_flow_is_dropped(splat: Splat, value: float) -> None:
    x, flow = image_and_flow(1, 3, 7, 9)
    flow.zero_()
    flow[0, 0, 2, 3] = flow[0, 1, 4, 5] = value
    out, weight = splat(x, flow)
    for y, column in ((2, 3), (4, 5)):
        x[0, :, y, column] = 0
        assert weight[0, 0, y, column] == 0
    assert torch.equal(out, x)


@every_kernel
def test_t_scales_the_flow(splat: Splat) -> None:
    x, flow = image_and_flow(2, 3, 12, 17)
    for scaled, expected in zip(splat(x, flow, 0.25), splat(x, flow * 0.25), strict=True):
        assert torch.equal(scaled, expected)


@every_kernel
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_images_are_summed_in_float32(splat: Splat, dtype: torch.dtype) -> None:
    x, flow = image_and_flow(1, 3, 12, 17)
    x = x.to(dtype)
    out, weight = splat(x, flow)
    expected, expected_weight = average_splat_torch(x.float(), flow)
    assert out.dtype == dtype and weight.dtype == torch.float32
    torch.testing.assert_close(out, expected.to(dtype))
    torch.testing.assert_close(weight, expected_weight)


@every_kernel
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_any_memory_layout_is_accepted_and_the_result_is_channels_last(
    splat: Splat, memory_format: torch.memory_format
) -> None:
    x, flow = image_and_flow(2, 5, 12, 17)
    expected = average_splat_torch(x, flow)
    crossed = flow.permute(0, 1, 3, 2).contiguous().permute(0, 1, 3, 2)
    for strided in (flow, crossed, flow.contiguous(memory_format=torch.channels_last)):
        actual = splat(x.contiguous(memory_format=memory_format), strided)
        torch.testing.assert_close(actual, expected)
        assert actual[0].is_contiguous(memory_format=torch.channels_last)


def test_the_result_is_bit_identical_for_any_number_of_threads() -> None:
    x, flow = image_and_flow(2, 3, 3 * BAND, 20)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        expected = average_splat_numba(x, flow)
        for count in (2, 3, 7):
            torch.set_num_threads(count)
            for actual, single in zip(average_splat_numba(x, flow), expected, strict=True):
                assert torch.equal(actual, single)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("t", [1.0, 0.3])
def test_gradients_equal_those_of_the_reference(t: float) -> None:
    inputs = [tensor.requires_grad_() for tensor in image_and_flow(2, 2, 4, 5, torch.float64)]
    actual, expected = average_splat(*inputs, t), average_splat_torch(*inputs, t)
    upstream = [torch.randn_like(tensor) for tensor in expected]
    torch.testing.assert_close(
        torch.autograd.grad(actual, inputs, upstream), torch.autograd.grad(expected, inputs, upstream)
    )
    assert torch.autograd.gradcheck(lambda x, flow: average_splat(x, flow, t), inputs)


def test_gradients_in_single_precision_stay_near_those_in_double() -> None:
    x, flow = image_and_flow(2, 3, 24, 32)
    flow[torch.rand_like(flow) < 0.2] = 2.0**-18  # tiny shares: the gradient is share / weight, and both are tiny
    gradients = []
    for dtype in (torch.float32, torch.float64):
        inputs = [tensor.to(dtype, copy=True).requires_grad_() for tensor in (x, flow)]
        gradients.append(torch.autograd.grad(average_splat(*inputs)[0].square().sum(), inputs[0])[0].double())
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-5)


def test_gradients_are_finite_for_infinite_flow() -> None:
    inputs = [tensor.requires_grad_() for tensor in image_and_flow(1, 3, 7, 9)]
    with torch.no_grad():
        inputs[1][0, 0, 2, 3], inputs[1][0, 1, 4, 5] = float("nan"), float("inf")
    grad_x, grad_flow = torch.autograd.grad(average_splat(*inputs)[0].sum(), inputs)
    assert grad_x.isfinite().all() and grad_flow.isfinite().all()
    assert (grad_flow[0, :, 2, 3] == 0).all() and (grad_x[0, :, 4, 5] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_is_a_well_formed_operator(dtype: torch.dtype) -> None:
    x, flow = image_and_flow(2, 3, 7, 9)
    x = x.to(dtype).requires_grad_()
    torch.library.opcheck(torch.ops.vfi.average_splat, (x, flow.requires_grad_(), 0.5))


def test_refuses_a_flow_of_another_size() -> None:
    with pytest.raises(ValueError, match="expected"):
        average_splat(torch.zeros(1, 3, 4, 4), torch.zeros(1, 2, 4, 5))


def in_a_new_process(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_works_where_the_compiled_kernel_cannot_be_cached() -> None:
    in_a_new_process("""
import numba.core.caching
numba.core.caching.CacheImpl._locator_classes = []  # no cache folder is writable
import torch
from vfi_cli.ops.splat import average_splat
x = torch.rand(1, 3, 4, 4)
assert torch.equal(average_splat(x, torch.zeros(1, 2, 4, 4))[0], x)
""")


def test_the_first_call_does_not_load_the_tracing_compiler() -> None:
    in_a_new_process("""
import sys
import torch
from vfi_cli.ops.splat import average_splat
average_splat(torch.rand(1, 3, 4, 4), torch.zeros(1, 2, 4, 4))
assert "torch._dynamo" not in sys.modules  # most of a second
""")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_splats_in_a_forked_process() -> None:
    in_a_new_process("""
import os
import torch
from vfi_cli.ops.splat import average_splat
torch.set_num_threads(2)
x, flow = torch.rand(1, 3, 4, 4), torch.zeros(1, 2, 4, 4)
average_splat(x, flow)  # starts threads, which the forked process does not have
child = os.fork()
if child == 0:
    os._exit(not torch.equal(average_splat(x, flow)[0], x))
assert os.waitpid(child, 0)[1] == 0
""")
