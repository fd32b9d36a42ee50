from __future__ import annotations

import torch

from vfi_cli.measure.machine import Machine


def test_the_machine_is_described() -> None:
    machine = Machine.here()
    assert machine.cpu
    assert machine.torch == torch.__version__
    assert machine.threads >= 1
    assert machine.date.endswith("+00:00")
