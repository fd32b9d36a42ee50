"""What the CPU kernels share: compilation with a cache, and bands of rows on a pool of threads.

Kernels are compiled by numba for channels-last rows and release the interpreter lock. Half precision is bfloat16,
which numba does not know: its bits are passed as uint16.
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
    """Whether the fast CPU kernels can be had; without them torch does the same work."""
    return importlib.util.find_spec("numba") is not None


def runs_here(*tensors: Tensor) -> bool:
    """Whether a CPU kernel may stand in for the torch definition: CPU tensors, no gradients, numba installed.

    torch.compile cannot look into a kernel: while it traces, the definition is used.
    """
    on_cpu = all(tensor.device.type == "cpu" for tensor in tensors)
    learning = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    return on_cpu and not learning and not torch.compiler.is_compiling() and has_numba()


def compile_kernel(
    function: Callable[..., None], signature: Any = None, *, reorder: bool = False
) -> Callable[..., None]:
    """Compile for `signature`, or for the types of every first call; cached where a folder can be written.

    reorder: sums may be taken in any order, many terms at once.
    """
    import numba

    fast = {"contract", "afn", "reassoc"} if reorder else {"contract", "afn"}
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": fast}
    try:
        compiled: Callable[..., None] = numba.njit(signature, cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache can be written
        compiled = numba.njit(signature, **options)(function)
    return compiled


def in_bands(work: Callable[[int, int], None], rows: int) -> None:
    """Call `work(first, last)` for as many bands of `rows`, or of other work, as torch has threads, at once."""
    threads = min(torch.get_num_threads(), rows)
    cuts = [rows * band // threads for band in range(threads + 1)]
    if threads == 1:
        work(0, rows)
    else:
        list(_pool(threads).map(lambda band: work(*band), itertools.pairwise(cuts)))


def bits(x: Tensor) -> NDArray[Any]:
    """A CPU tensor as an array for a kernel: float32 as it is, bfloat16 as uint16 bits."""
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
