import pytest
import torch

from tests.oracles import correlation as oracle
from vfi_cli.ops import correlation
from vfi_cli.ops.correlation import TILE, cost_volume


@pytest.mark.parametrize("width", [3, TILE, TILE + 5])
@pytest.mark.parametrize("radius", [1, 4])
def test_equals_the_oracle(width: int, radius: int) -> None:
    f0, f1 = torch.randn(2, 2, 5, 7, width)  # (pair, B, C, H, W)
    volume = cost_volume(f0, f1, radius)
    for k in range(2):
        expected = oracle.cost_volume(f0[k].numpy(), f1[k].numpy(), radius)
        torch.testing.assert_close(volume[k], torch.from_numpy(expected).float())


def test_channel_order_is_dy_then_dx() -> None:
    f0, f1 = torch.zeros(2, 1, 1, 9, 9)
    f0[..., 4, 4] = f1[..., 4 - 2, 4 + 3] = 1  # moves by dx 3, dy -2
    assert cost_volume(f0, f1)[0, :, 4, 4].argmax() == (-2 + 4) * 9 + (3 + 4)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_memory_layout_of_the_features_does_not_matter(memory_format: torch.memory_format) -> None:
    f0, f1 = torch.randn(2, 1, 6, 8, 10)
    volume = cost_volume(f0.contiguous(memory_format=memory_format), f1.contiguous(memory_format=memory_format))
    torch.testing.assert_close(volume, cost_volume(f0, f1))
    assert volume.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_features_are_summed_in_float32(dtype: torch.dtype) -> None:
    f = torch.full((1, 4096, 1, 1), 1.0, dtype=dtype)  # a running sum kept in bf16 would stop at 256
    volume = cost_volume(f, f)
    assert volume.dtype == dtype
    assert volume[0, 40] == 1


def test_gradients() -> None:
    features = [torch.randn(1, 2, 3, 3, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(lambda f0, f1: cost_volume(f0, f1, 1), features)


def test_refuses_features_of_unequal_size() -> None:
    with pytest.raises(ValueError, match="equal"):
        cost_volume(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 5))


@pytest.mark.parametrize("radius", [1, 3])
def test_the_kernel_equals_the_reference(radius: int, monkeypatch: pytest.MonkeyPatch) -> None:
    features = torch.randn(2, 2, 32, 9, 40)
    got = cost_volume(*features, radius)
    monkeypatch.setattr(correlation, "has_numba", lambda: False)
    torch.testing.assert_close(got, cost_volume(*features, radius))


@pytest.mark.parametrize("radius", [1, 3])
def test_the_gradients_of_the_kernel_equal_those_of_the_reference(radius: int, monkeypatch: pytest.MonkeyPatch) -> None:
    features, weight = torch.randn(2, 2, 8, 9, 40), torch.randn(2, (2 * radius + 1) ** 2, 9, 40)

    def gradients() -> list[torch.Tensor]:
        leaves = [feature.clone().requires_grad_() for feature in features]
        return list(torch.autograd.grad((cost_volume(*leaves, radius) * weight).sum(), leaves))

    of_kernel = gradients()
    monkeypatch.setattr(correlation, "has_numba", lambda: False)
    torch.testing.assert_close(of_kernel, gradients(), atol=1e-4, rtol=1e-4)
