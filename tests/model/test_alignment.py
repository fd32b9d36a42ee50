from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vfi_cli.model.alignment import patch_difference
from vfi_cli.model.apr import Aligned


def aligned(difference: Tensor) -> Aligned:
    """Two warped images without holes, whose difference is (1, 1, H, W)."""
    image, weight = torch.zeros(1, 3, *difference.shape[2:]), torch.ones_like(difference)
    flow = weight.expand(-1, 4, -1, -1)
    return Aligned(image, image + difference, weight, weight.clone(), flow)


def test_patch_difference_is_the_worst_4x4_of_each_patch() -> None:
    difference = torch.zeros(1, 1, 16, 32)
    difference[0, 0, 4:8, 20:24] = 0.5
    difference[0, 0, 0, 0] = 0.8
    assert patch_difference(aligned(difference), 16).tolist() == [pytest.approx([0.8 / 16, 0.5])]


@pytest.mark.parametrize("weight", ["weight_0", "weight_1"])
def test_holes_do_not_count_as_misalignment(weight: str) -> None:
    holed = aligned(torch.ones(1, 1, 16, 16))
    getattr(holed, weight).fill_(0.05)
    assert not patch_difference(holed, 16).any()
