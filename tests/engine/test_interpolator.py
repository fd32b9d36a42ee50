from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.model.networks import SMALL, each_config, scrambled
from vfi_cli.engine.device import Runtime
from vfi_cli.engine.interpolator import Interpolator
from vfi_cli.model.apr import Apr
from vfi_cli.model.config import DYNAMIC_BLOCKS, AprConfig, Routing

CPU = Runtime(torch.device("cpu"), torch.float32)


def frames(count: int, height: int = 70, width: int = 90) -> list[Tensor]:
    """A texture that moves three pixels per frame."""
    coarse = torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(0))
    texture = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)[0]
    return [texture.roll(3 * k, 2) for k in range(count)]


@each_config
def test_features_are_extracted_once_per_frame_and_flow_is_estimated_once_per_pair(
    config: AprConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()
    for name in ("extract_features", "estimate_flow", "warp"):
        original = getattr(Apr, name)

        def counted(
            self: Apr, *args: object, name: str = name, original: object = original, **options: object
        ) -> object:
            calls[name] += 1
            return original(self, *args, **options)  # type: ignore[operator]

        monkeypatch.setattr(Apr, name, counted)
    interpolator = Interpolator(scrambled(config), CPU)
    first, second, third = map(interpolator.prepare, frames(3))
    interpolator.between(first, second, [0.2, 0.4, 0.8])
    interpolator.between(second, third, [0.5])
    assert calls == {"extract_features": 3, "estimate_flow": 2, "warp": 4}


@each_config
def test_a_frame_does_not_depend_on_the_other_times_of_the_call(config: AprConfig) -> None:
    interpolator = Interpolator(scrambled(config), CPU)
    left, right = map(interpolator.prepare, frames(2))
    together = interpolator.between(left, right, [0.2, 0.5, 0.8])
    for t, frame in zip((0.2, 0.5, 0.8), together, strict=True):
        assert torch.equal(frame, interpolator.between(left, right, [t])[0])


@each_config
def test_routes_tried_on_one_warp_give_the_frames_of_between(config: AprConfig) -> None:
    interpolator = Interpolator(scrambled(config), CPU)
    left, right = map(interpolator.prepare, frames(2))
    warped = interpolator.warp(left, right, 0.3)
    routings: list[Routing] = [None, (0.2, 0.5, 0.5, 1.0), "router", (0.0,) * DYNAMIC_BLOCKS, None]
    for routing in routings:
        interpolator.routing = routing
        assert torch.equal(interpolator.generate(warped, routing), interpolator.between(left, right, [0.3])[0])


@each_config
def test_half_precision_changes_little(config: AprConfig) -> None:
    left, right = frames(2)

    def generated(dtype: torch.dtype) -> Tensor:
        interpolator = Interpolator(scrambled(config), Runtime(CPU.device, dtype), None)
        return interpolator.between(interpolator.prepare(left), interpolator.prepare(right), [0.5])[0]

    exact, rough = generated(torch.float32), generated(torch.bfloat16)
    assert rough.dtype == torch.float32
    assert (exact - rough).abs().mean() < 0.02 * exact.abs().mean()


def test_route_shares_are_means_over_the_frames() -> None:
    interpolator = Interpolator(scrambled(SMALL["lite"]), CPU, (0.0, 0.5, 0.5, 1.0))
    assert interpolator.last_routes.shape == (0, 0, DYNAMIC_BLOCKS)
    left, right = map(interpolator.prepare, frames(2, 128, 128))
    interpolator.between(left, right, [0.5])
    interpolator.routing = None
    interpolator.between(left, right, [0.5])
    assert interpolator.route_shares == pytest.approx((0.5, 0.75, 0.75, 1.0))
    assert interpolator.last_routes.all()


@pytest.mark.slow
@each_config
def test_compiled_equals_eager(config: AprConfig) -> None:
    """This also holds when the number of patches changes. The test needs a C++ compiler."""
    network = scrambled(config)
    eager, compiled = Interpolator(network, CPU), Interpolator(scrambled(config), CPU, compiled=True)
    for routing in ((0.2, 0.5, 0.5, 1.0), (0.8, 0.2, 0.5, 0.0), None):
        for interpolator in (eager, compiled):
            interpolator.routing = routing
        left, right = frames(2, 200, 250)
        expected, got = (
            interpolator.between(interpolator.prepare(left), interpolator.prepare(right), [0.4])[0]
            for interpolator in (eager, compiled)
        )
        torch.testing.assert_close(got, expected, atol=1e-3, rtol=1e-3)


@each_config
def test_opacity_does_not_change_the_colours_and_opaque_frames_stay_opaque(config: AprConfig) -> None:
    interpolator = Interpolator(scrambled(config), CPU)
    left, right = frames(2)
    opaque = torch.ones(1, *left.shape[1:])
    plain = interpolator.between(interpolator.prepare(left), interpolator.prepare(right), [0.5])[0]
    prepared = [interpolator.prepare(torch.cat((rgb, opaque))) for rgb in (left, right)]
    with_alpha = interpolator.between(*prepared, [0.5])[0]
    assert torch.equal(with_alpha[:3], plain)
    assert torch.allclose(with_alpha[3:], opaque)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("routing", [None, (0.0, 0.5, 0.5, 1.0)], ids=["static", "routed"])
def test_lite_gives_the_same_frames_on_a_gpu_and_on_the_cpu(routing: Routing) -> None:
    """Both run in float32 and without DIS."""
    config = replace(SMALL["lite"], search=False)
    frames = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    made = []
    for device in ("cpu", "cuda"):
        interpolator = Interpolator(scrambled(config), Runtime(torch.device(device), torch.float32), routing)
        left, right = (interpolator.prepare(frame) for frame in frames)
        made.append(interpolator.between(left, right, (0.4,))[0].cpu())
    assert (made[0] - made[1]).abs().mean() < 1e-3
