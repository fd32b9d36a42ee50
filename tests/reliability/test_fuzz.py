"""Inputs that are damaged at random; many more with python -m tests.reliability.fuzz."""

from __future__ import annotations

import pytest

from tests.reliability.fuzz import results

case = pytest.mark.reliability


@case(63)
@pytest.mark.parametrize("count", [15, pytest.param(200, marks=pytest.mark.slow)])
def test_no_damage_makes_it_crash_hang_or_leave_something_behind(count, record_property):
    faults = {number: (result.fault, result.outcome.message) for number, _, result in results(count, 1) if result.fault}
    record_property("fuzz", f"{count} inputs, {len(faults)} faults")
    assert not faults
