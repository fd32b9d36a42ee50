"""Average splatting on CUDA with CuPy; the reference is `splat.average_splat_torch`. Only this file needs CuPy.

The sums are atomic additions in no fixed order, so results differ by fp32 rounding from run to run.
"""

import functools
import logging
from typing import Any

import numpy as np
import torch
from torch import Tensor

log = logging.getLogger(__name__)

BLOCK = 256
VALUES = {torch.float32: "float", torch.float16: "Half", torch.bfloat16: "Bfloat"}

# CuPy compiles this once per type of value (-DVALUE), never per size. It includes no headers, because users may not
# have them. A pixel of `sums` (B, H, W, lanes) holds C values, their weight, and zeros up to a multiple of 4 lanes.
SOURCE = r"""
struct Half {
    unsigned short bits;
    __device__ operator float() const {
        float value;
        asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
        return value;
    }
    __device__ void operator=(float value) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value)); }
};

struct Bfloat {
    unsigned short bits;
    __device__ operator float() const { return __uint_as_float((unsigned)bits << 16); }
    __device__ void operator=(float value) { asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value)); }
};

__device__ void add(float* sums, float a, float b, float c, float d) {
#if __CUDA_ARCH__ >= 900
    asm volatile("red.global.add.v4.f32 [%0], {%1, %2, %3, %4};"
                 ::"l"(__cvta_generic_to_global(sums)), "f"(a), "f"(b), "f"(c), "f"(d) : "memory");
#else
    atomicAdd(sums, a);
    atomicAdd(sums + 1, b);
    atomicAdd(sums + 2, c);
    atomicAdd(sums + 3, d);
#endif
}

// One thread per source pixel and 4 lanes. Strides count elements.
extern "C" __global__ void scatter(const VALUE* x, long long x_image, long long x_channel, long long x_row,
                                   long long x_column, const float* flow, long long flow_image,
                                   long long flow_channel, long long flow_row, long long flow_column, float t,
                                   float* sums, long long B, long long C, long long H, long long W,
                                   long long lanes) {
    const long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const int quads = lanes / 4;
    const int first_lane = thread % quads * 4;
    const long long pixel = thread / quads;
    if (pixel >= B * H * W) return;
    const int column = pixel % W, row = pixel / W % H, image = pixel / (W * H);

    // Rounded as in the reference. A fused multiply-add would move a few targets across a pixel border.
    flow += image * flow_image + row * flow_row + column * flow_column;
    const float target_x = __fadd_rn(__fmul_rn(flow[0], t), column);
    const float target_y = __fadd_rn(__fmul_rn(flow[flow_channel], t), row);
    if (!(target_x > -1 && target_x < W && target_y > -1 && target_y < H)) return;  // NaN too
    const int left = (int)floorf(target_x), top = (int)floorf(target_y);
    const float right_share = target_x - left, bottom_share = target_y - top;

    x += image * x_image + row * x_row + column * x_column;
    float values[4];
    for (int k = 0; k < 4; ++k) {
        const int lane = first_lane + k;
        values[k] = lane < C ? (float)x[lane * x_channel] : lane == C;
    }
    for (int bottom = 0; bottom < 2; ++bottom) {
        for (int right = 0; right < 2; ++right) {
            const int to_row = top + bottom, to_column = left + right;
            if (to_row < 0 || to_row >= H || to_column < 0 || to_column >= W) continue;
            const float share_x = right ? right_share : 1 - right_share;
            const float share = share_x * (bottom ? bottom_share : 1 - bottom_share);
            add(sums + ((image * H + to_row) * W + to_column) * lanes + first_lane,
                values[0] * share, values[1] * share, values[2] * share, values[3] * share);
        }
    }
}

// One thread per target pixel: out (B, H, W, C), weight (B, H, W).
extern "C" __global__ void normalise(const float* sums, VALUE* out, float* weight, long long pixels,
                                     long long C, long long lanes) {
    const long long pixel = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (pixel >= pixels) return;
    sums += pixel * lanes;
    const float total = sums[C];
    weight[pixel] = total;
    for (int channel = 0; channel < C; ++channel)
        out[pixel * C + channel] = total > 0 ? sums[channel] / total : 0.0f;
}
"""


@functools.cache
def _kernel(name: str, dtype: torch.dtype) -> Any:
    import cupy

    return cupy.RawKernel(SOURCE, name, options=(f"-DVALUE={VALUES[dtype]}",))


def can_compile() -> bool:
    """Whether CuPy finds its compiler (NVRTC) and a device; it can be installed without them."""
    try:
        _kernel("normalise", torch.float32).compile()
    except Exception as error:  # CuPy raises a different exception for each missing part
        log.warning("CuPy does not work, frames are splatted with slower torch code: %s", error)
        return False
    return True


def average_splat_cupy(x: Tensor, flow: Tensor, t: float = 1.0) -> tuple[Tensor, Tensor]:
    """`average_splat` without gradients, for CUDA tensors of fp32, fp16 or bf16 with any strides."""
    import cupy

    B, C, H, W = x.shape
    x, flow = x.detach(), flow.detach().to(torch.float32)
    lanes = -(-(C + 1) // 4) * 4
    sums = torch.zeros(B, H, W, lanes, device=x.device)
    out = torch.empty_like(x, memory_format=torch.channels_last)
    weight = sums.new_empty(B, 1, H, W)

    pixels = B * H * W
    stream = torch.cuda.current_stream(x.device).cuda_stream
    with cupy.cuda.Device(x.device.index), cupy.cuda.ExternalStream(stream, x.device.index):
        _launch(
            _kernel("scatter", x.dtype),
            pixels * lanes // 4,
            *(x.data_ptr(), *x.stride(), flow.data_ptr(), *flow.stride(), np.float32(t)),
            *(sums.data_ptr(), B, C, H, W, lanes),
        )
        _launch(
            _kernel("normalise", x.dtype),
            pixels,
            *(sums.data_ptr(), out.data_ptr(), weight.data_ptr(), pixels, C, lanes),
        )
    return out, weight


def _launch(kernel: Any, threads: int, *arguments: Any) -> None:
    kernel((-(-threads // BLOCK),), (BLOCK,), arguments)
