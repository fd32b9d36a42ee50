"""The metrics of a run: means since the last record, and the file of records, one line of JSON each."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vfi_cli.train.learn.step import Metrics


class Means:
    """Means of named metrics, and steps per second, since the last call of `take`."""

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = defaultdict(list)
        self._began = time.monotonic()
        self._steps = 0

    def add(self, measured: Metrics) -> None:
        """Add the metrics of a step. They stay on the device, so the step need not wait for it."""
        for name, value in measured.items():
            self._values[name].append(value)
        self._steps += 1

    def take(self) -> dict[str, float]:
        """Return the means and start again."""
        means = {name: torch.stack(values).mean().item() for name, values in self._values.items()}
        means["steps_per_second"] = self._steps / (time.monotonic() - self._began)
        self.__init__()  # type: ignore[misc]
        return means


class Records:
    """The records of a run: a file with one record per line, and the list `all` with the same records."""

    def __init__(self, path: Path, last_step: int | None) -> None:
        """Keep the records in `path` up to `last_step`, the step of the saved state; None starts an empty file.

        Later records describe steps that were lost.
        """
        lines = path.read_text().splitlines() if last_step is not None and path.is_file() else []
        self.all: list[dict[str, Any]] = [json.loads(line) for line in lines]
        self.all = [record for record in self.all if record["step"] <= (last_step or 0)]
        self._path = path
        path.write_text("".join(json.dumps(record) + "\n" for record in self.all))

    def add(self, record: dict[str, Any]) -> None:
        self.all.append(record)
        with self._path.open("a") as file:
            file.write(json.dumps(record) + "\n")
