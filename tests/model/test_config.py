from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from vfi_cli.model.config import BASE, MAX_DIMENSION, PRESETS, AprConfig


@pytest.mark.parametrize("config", PRESETS.values(), ids=PRESETS)
def test_a_config_is_the_same_after_json(config: AprConfig) -> None:
    assert AprConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    "change",
    [
        {"flow": "raft"},
        {"context_on": "both"},
        {"candidates": 3},
        {"patch": 62},
        {"router_stride": 3},
        {"feature": 0},
        {"feature": MAX_DIMENSION + 1},
        {"depth": 10**12},
        {"context": 1.5},
        {"widths": (64,)},
        {"widths": (64, -96)},
        {"router": (16, 20, 24)},
        {"stride": 0},
    ],
    ids=str,
)
def test_an_invalid_config_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(BASE, **change)
