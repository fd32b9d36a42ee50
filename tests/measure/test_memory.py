from __future__ import annotations

import numpy as np

from vfi_cli.measure.memory import peak_bytes, reset_peak

MIB = 2**20


def test_the_peak_remembers_memory_that_was_given_back() -> None:
    reset_peak()
    before = peak_bytes()
    np.ones(64 * MIB, np.uint8)
    assert peak_bytes() - before > 48 * MIB


def test_a_reset_forgets_an_earlier_peak() -> None:
    np.ones(64 * MIB, np.uint8)
    before = peak_bytes()
    if reset_peak():
        assert before - peak_bytes() > 32 * MIB
