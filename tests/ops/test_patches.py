from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vfi_cli.ops import patches as module
from vfi_cli.ops.patches import from_patches, gather_patches, pool_patches, to_patches


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_from_patches_is_the_exact_inverse(memory_format: torch.memory_format) -> None:
    image = torch.randn(2, 5, 8, 12).contiguous(memory_format=memory_format)
    patches = to_patches(image, 4)
    assert patches.shape == (2 * 2 * 3, 5, 4, 4)
    assert patches.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(from_patches(patches, 8, 12), image)


def test_patches_go_image_by_image_and_row_by_row() -> None:
    image = torch.randn(2, 1, 8, 12)
    cut = [image[b, :, y : y + 4, x : x + 4] for b in range(2) for y in (0, 4) for x in (0, 4, 8)]
    assert torch.equal(to_patches(image, 4), torch.stack(cut))


def gathered_slowly(images: list[Tensor], patches: Tensor, index: list[int]) -> Tensor:
    stacks = []
    for k in index:
        cells = [to_patches(image, patches.shape[-1]) for image in images]
        stacks.append(torch.cat([*(cell[min(k, len(cell) - 1)] for cell in cells), patches[k]]))
    return torch.stack(stacks)


@pytest.mark.parametrize("numba", [True, False], ids=["kernel", "torch"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("index", [[0], [5, 0, 3], [1, 4, 6, 6], list(range(6))])
def test_gathered_patches_equal_a_slow_reference(
    numba: bool, dtype: torch.dtype, index: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not numba:
        monkeypatch.setattr(module, "runs_here", lambda *_: False)
    images = [torch.randn(1, channels, 8, 12, dtype=dtype) for channels in (3, 2)]
    patches = torch.randn(6 + 1, 4, 4, 4, dtype=dtype)  # the last one is for the padding of an index
    stacked = gather_patches(images, patches, torch.tensor(index))
    assert torch.equal(stacked, gathered_slowly(images, patches, index))


def test_gathers_nothing_for_an_empty_index() -> None:
    stacked = gather_patches([torch.randn(1, 3, 8, 8)], torch.randn(5, 2, 4, 4), torch.tensor([], dtype=torch.long))
    assert stacked.shape == (0, 5, 4, 4)


def test_pools_the_mean_then_the_maximum_of_each_patch() -> None:
    x = torch.randn(2, 3, 8, 12)
    pooled = pool_patches(x, 4)
    patch = x[1, :, 4:8, 8:12]
    assert pooled.shape == (2, 6, 2, 3)
    torch.testing.assert_close(pooled[1, :, 1, 2], torch.cat((patch.mean((1, 2)), patch.amax((1, 2)))))
