from __future__ import annotations

import time

import pytest
from torch.profiler import record_function

from vfi_cli.measure.profile import stage_seconds


def test_names_the_stages_and_adds_up_their_time() -> None:
    def work() -> None:
        for _ in range(2):
            with record_function("vfi::flow"):
                time.sleep(0.03)
            with record_function("vfi::splat"):
                time.sleep(0.01)
        with record_function("something else"):
            time.sleep(0.01)

    seconds = stage_seconds(work, on_cuda=False)
    assert list(seconds) == ["flow", "splat"]
    assert seconds == {"flow": pytest.approx(0.06, abs=0.02), "splat": pytest.approx(0.02, abs=0.01)}
