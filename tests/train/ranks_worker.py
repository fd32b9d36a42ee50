"""One rank, started by torchrun: takes a few steps on its share of each batch, then does a whole run."""

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


def steps(joined: ranks.Ranks) -> dict[str, torch.Tensor]:
    """Take three steps, each on the share of this rank of four samples.

    Returns the first gradient, the first loss and the last weights.
    """
    torch.manual_seed(0)
    trainer = loop.Trainer(tiny(60), Apr(TINY), Runtime(CPU, torch.float32), joined)
    results = {}
    share = SAMPLES // joined.size
    for number in range(3):
        first = number * SAMPLES + joined.rank * share
        measured = trainer.step(stacked(first, first + share), "patches", 0.5)
        if number == 0:
            results |= {f"grad.{name}": x.grad for name, x in trainer.model.named_parameters() if x.grad is not None}
            results = {name: value.clone() for name, value in results.items()} | {"loss": measured["static"]}
    return results | {f"weight.{name}": value for name, value in trainer.model.state_dict().items()}


def main(folder: Path) -> None:
    device.available_cpus = ranks.available_cpus = lambda: 1  # tensors are tiny, so more threads would only wait
    report.LOG_SECONDS = 0.1
    with ranks.join_ranks(CPU) as joined:
        save_file({name: x.contiguous() for name, x in steps(joined).items()}, folder / f"{joined.rank}.safetensors")
        loop.join_ranks = lambda _: contextlib.nullcontext(joined)  # type: ignore[assignment]  # a process can join only once
        job = loop.TrainJob(tiny(3), (folder / "pack",), folder / "run", device="cpu")
        (folder / f"{joined.rank}.txt").write_text(str(loop.run(job)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
