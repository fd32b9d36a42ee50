"""Data-parallel training in several processes that `torchrun` starts, or in this process alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from vfi_cli.cpus import available_cpus


@dataclass(frozen=True)
class Ranks:
    """The rank of this process among `size` processes. Rank 0 measures the time and writes the files."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def distribute(self, step: nn.Module, device: torch.device) -> nn.Module:
        """Wrap `step` so that its gradients are averaged over all ranks."""
        if self.size == 1:
            return step
        ids = [device.index] if device.type == "cuda" else None
        # Some modes of the step skip parts of the network, which then get no gradient.
        return DistributedDataParallel(step, device_ids=ids, find_unused_parameters=True)

    def synchronize(self, progress: float, stop: bool, device: torch.device) -> tuple[float, bool]:
        """The progress of rank 0 (0 to 1), and whether any rank wants to stop; the same result on all ranks."""
        if self.size == 1:
            return progress, stop
        values = torch.tensor([progress if self.is_main else 0.0, float(stop)], dtype=torch.float64, device=device)
        distributed.all_reduce(values)
        return float(values[0]), bool(values[1])


def device_of_rank(device: str) -> str:
    """The device of this process: "auto" and "cuda" give each process of the machine its own GPU."""
    rank = os.environ.get("LOCAL_RANK")
    return f"cuda:{rank}" if rank and device in ("auto", "cuda") and torch.cuda.is_available() else device


@contextlib.contextmanager
def join_ranks(device: torch.device) -> Iterator[Ranks]:
    """Join the process group of `torchrun`. Yields the rank of this process; without `torchrun`, a single rank."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Ranks()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    else:
        torch.set_num_threads(max(1, available_cpus() // int(os.environ.get("LOCAL_WORLD_SIZE", size))))
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Ranks(distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()
