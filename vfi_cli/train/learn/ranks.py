"""The processes that train one network together, as `torchrun` starts them; or just this one."""

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
    """rank: of this process among `size`; 0 keeps the clock and writes the files."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def share(self, step: nn.Module, device: torch.device) -> nn.Module:
        """The step with gradients averaged over the team."""
        if self.size == 1:
            return step
        ids = [device.index] if device.type == "cuda" else None
        # Parts that a mode of the step leaves out get no gradient.
        return DistributedDataParallel(step, device_ids=ids, find_unused_parameters=True)

    def agree(self, progress: float, stop: bool, device: torch.device) -> tuple[float, bool]:
        """The leader's progress, and whether anyone wants to stop."""
        if self.size == 1:
            return progress, stop
        told = torch.tensor([progress if self.leads else 0.0, float(stop)], dtype=torch.float64, device=device)
        distributed.all_reduce(told)
        return float(told[0]), bool(told[1])


def device_of_rank(device: str) -> str:
    """ "auto" and "cuda" mean a GPU of its own for every process of the machine."""
    rank = os.environ.get("LOCAL_RANK")
    return f"cuda:{rank}" if rank and device in ("auto", "cuda") and torch.cuda.is_available() else device


@contextlib.contextmanager
def join(device: torch.device) -> Iterator[Ranks]:
    """The team that `torchrun` started this process for; without it, a team of one."""
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
