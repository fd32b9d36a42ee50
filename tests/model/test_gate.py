from __future__ import annotations

import torch

from vfi_cli.model.gate import Gate


def test_the_gate_depends_on_differences_and_not_on_brightness() -> None:
    torch.manual_seed(0)
    gate = Gate()
    left, right = torch.rand(2, 1, 3, 16, 16) * 0.5
    weight = torch.ones(1, 1, 16, 16)

    def logits(offset: float) -> torch.Tensor:
        both = (left + offset, right + offset)
        return gate(both, (weight, weight), both)

    torch.testing.assert_close(logits(0.0), logits(0.3), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(logits(0.0), gate((left, left), (weight, weight), (left, right)), atol=1e-3)
