"""What a run measures: means between two records, and the records of a run as lines of JSON."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vfi_cli.train.learn.step import Measured


class Means:
    """Running means of named measurements, and steps per second, since they were last taken."""

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = defaultdict(list)
        self._began = time.monotonic()
        self._steps = 0

    def add(self, measured: Measured) -> None:
        """Nothing is read back from the device."""
        for name, value in measured.items():
            self._values[name].append(value)
        self._steps += 1

    def take(self) -> dict[str, float]:
        means = {name: torch.stack(values).mean().item() for name, values in self._values.items()}
        means["steps_per_second"] = self._steps / (time.monotonic() - self._began)
        self.__init__()  # type: ignore[misc]
        return means


class Records:
    """A file with one record per line, and the same in `all`; begins anew, or after `last_step` of what is there."""

    def __init__(self, path: Path, last_step: int | None) -> None:
        """last_step: records after it were lost with the state that they told of; None keeps none."""
        lines = path.read_text().splitlines() if last_step is not None and path.is_file() else []
        self.all: list[dict[str, Any]] = [json.loads(line) for line in lines]
        self.all = [record for record in self.all if record["step"] <= (last_step or 0)]
        self._path = path
        path.write_text("".join(json.dumps(record) + "\n" for record in self.all))

    def add(self, record: dict[str, Any]) -> None:
        self.all.append(record)
        with self._path.open("a") as file:
            file.write(json.dumps(record) + "\n")
