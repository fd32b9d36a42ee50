from __future__ import annotations

import torch

from vfi_cli.model.gate import Gate, open_gate


def test_opens_each_candidate_where_its_cell_says_so() -> None:
    logits = torch.zeros(1, 4, 2, 3)
    logits[0, 2, :, 0] = 8
    packed = torch.zeros(1, 7 * 4, 8, 12)
    opened = open_gate(packed, logits).unflatten(1, (7, 4))
    assert opened[0, 2, :, :, 0].min() > 7
    assert not opened[0, [0, 1, 3, 4, 5, 6]].any() and not opened[0, 2, :, :, -1].any()


def test_sees_ratios_of_errors_not_brightness() -> None:
    torch.manual_seed(0)
    gate = Gate()
    left, right = torch.rand(2, 1, 3, 16, 16) * 0.5
    weight = torch.ones(1, 1, 16, 16)

    def logits(offset: float) -> torch.Tensor:
        moved = (left + offset, right + offset)
        return gate(moved, (weight, weight), moved)

    torch.testing.assert_close(logits(0.0), logits(0.3), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(logits(0.0), gate((left, left), (weight, weight), (left, right)), atol=1e-3)
