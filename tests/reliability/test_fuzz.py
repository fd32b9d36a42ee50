"""Tests randomly damaged inputs. `python -m tests.reliability.fuzz` runs many more."""

from __future__ import annotations

import pytest

from tests.reliability.fuzz import results

case = pytest.mark.reliability


@case(63)
@pytest.mark.parametrize("count", [15, pytest.param(200, marks=pytest.mark.slow)])
def test_damaged_inputs_cause_no_crash_no_hang_and_no_left_over_files(count, record_property):
    faults = {number: (result.fault, result.outcome.message) for number, _, result in results(count, 1) if result.fault}
    record_property("fuzz", f"{count} inputs, {len(faults)} faults")
    assert not faults
