"""Helpers of the CPU kernels: compilation with a cache, and bands of rows on a pool of threads.

numba compiles the kernels for channels-last rows. They release the interpreter lock. numba has no bfloat16, so its
bits are passed as uint16.
"""

import functools
import importlib.util
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@functools.cache
def has_numba() -> bool:
    """Whether numba is installed, for the fast CPU kernels. Without it, torch does the same work."""
    return importlib.util.find_spec("numba") is not None


def runs_here(*tensors: Tensor) -> bool:
    """Whether a CPU kernel may replace the torch reference: CPU tensors, no gradients, numba installed.

    torch.compile cannot trace a kernel, so it gets the reference too.
    """
    on_cpu = all(tensor.device.type == "cpu" for tensor in tensors)
    needs_gradient = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    return on_cpu and not needs_gradient and not torch.compiler.is_compiling() and has_numba()


def compile_kernel(
    function: Callable[..., None], signature: Any = None, *, reorder: bool = False
) -> Callable[..., None]:
    """Compile a kernel with numba, with a cache if its folder is writable.

    Args:
        signature: the types to compile for now. None compiles at the first call with each combination of types.
        reorder: sums may be computed in any order, several terms at once.
    """
    import numba

    fast = {"contract", "afn", "reassoc"} if reorder else {"contract", "afn"}
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": fast}
    try:
        compiled: Callable[..., None] = numba.njit(signature, cache=True, **options)(function)
    except RuntimeError:  # no cache folder is writable
        compiled = numba.njit(signature, **options)(function)
    return compiled


def in_bands(work: Callable[[int, int], None], rows: int) -> None:
    """Call `work(first, last)` in parallel, for as many bands as torch has threads; `rows` may count other work too."""
    threads = min(torch.get_num_threads(), rows)
    cuts = [rows * band // threads for band in range(threads + 1)]
    if threads == 1:
        work(0, rows)
    else:
        list(_pool(threads).map(lambda band: work(*band), itertools.pairwise(cuts)))


def bits(x: Tensor) -> NDArray[Any]:
    """A CPU tensor as an array for a kernel: float32 unchanged, bfloat16 as its bits in uint16."""
    if x.dtype == torch.bfloat16:
        array: NDArray[Any] = x.view(torch.int16).numpy().view(np.uint16)
        return array
    return x.numpy()


def rows(x: Tensor) -> NDArray[Any]:
    """(1, C, H, W), channels-last or with one channel, float32 or bfloat16 -> its rows (H, W, C) for a kernel."""
    return bits(x[0].permute(1, 2, 0).contiguous())


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="rows")


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
