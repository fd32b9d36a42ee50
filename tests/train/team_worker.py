"""One process of a team: known steps on its half of each batch, then a whole run. Started by torchrun."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.train.data.test_batch import sample
from tests.train.packs import TINY, tiny
from vfi_cli.engine import device
from vfi_cli.engine.device import Runtime
from vfi_cli.model.apr import Apr
from vfi_cli.train.data.batch import Batch, flatten, map_batch
from vfi_cli.train.learn import ranks
from vfi_cli.train.run import loop, report

CPU = torch.device("cpu")
SAMPLES = 4


def stacked(first: int, last: int) -> Batch:
    """Samples `first` to `last` as one batch."""
    parts = [sample(k) for k in range(first, last)]
    columns = iter(list(zip(*map(flatten, parts), strict=True)))
    return map_batch(parts[0], lambda _: torch.cat(next(columns)))


def steps(mates: ranks.Ranks) -> dict[str, torch.Tensor]:
    """Three steps, each on this process's share of four samples: the first gradient, the loss, the last weights."""
    torch.manual_seed(0)
    trainer = loop.Trainer(tiny(60), Apr(TINY), Runtime(CPU, torch.float32), mates)
    results = {}
    share = SAMPLES // mates.size
    for number in range(3):
        first = number * SAMPLES + mates.rank * share
        measured = trainer.step(stacked(first, first + share), "patches", 0.5)
        if number == 0:
            results |= {f"grad.{name}": x.grad for name, x in trainer.model.named_parameters() if x.grad is not None}
            results = {name: value.clone() for name, value in results.items()} | {"loss": measured["static"]}
    return results | {f"weight.{name}": value for name, value in trainer.model.state_dict().items()}


def main(folder: Path) -> None:
    device.available_cpus = ranks.available_cpus = lambda: 1  # tiny tensors: threads only wait
    report.LOG_SECONDS = 0.1
    with ranks.join(CPU) as mates:
        save_file({name: x.contiguous() for name, x in steps(mates).items()}, folder / f"{mates.rank}.safetensors")
        loop.join = lambda _: contextlib.nullcontext(mates)  # type: ignore[assignment]  # a process joins once
        job = loop.TrainJob(tiny(3), (folder / "pack",), folder / "run", device="cpu")
        (folder / f"{mates.rank}.txt").write_text(str(loop.run(job)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
