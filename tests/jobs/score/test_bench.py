from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.profiler import record_function

from vfi_cli.engine.device import Runtime
from vfi_cli.errors import InputError, UsageError
from vfi_cli.jobs.score import bench
from vfi_cli.jobs.score.bench import BenchJob, Measured, Row, moving_texture, run
from vfi_cli.measure.flops import Cost


class Convolver:
    """A fake network. It processes the mean keep ratio of the rows, and all rows take one second of a fake clock."""

    clock = 0.0

    def __init__(self, asked: str, ratios: tuple[float, ...] | None) -> None:
        self.device = torch.device("cpu")
        self.runtime = Runtime(self.device, torch.float32)
        self.share = sum(ratios) / 4 if ratios else 1.0
        self.last_routes = np.arange(4)[:, None, None] < 4 * np.array([self.share] * 4)
        self.layer = nn.Conv2d(3, 3, 3, padding=1).requires_grad_(False)
        self.asked = asked
        self.pairs: list[tuple[float, float]] = []

    def prepare(self, rgb: Tensor) -> Tensor:
        return rgb

    def between(self, left: Tensor, right: Tensor, times: Sequence[float]) -> list[Tensor]:
        self.pairs.append((float(left.mean()), float(right.mean())))
        rows = int(left.shape[1] * self.share)
        with record_function("vfi::refine"):
            Convolver.clock += self.share
            return [self.layer(left[None, :, :rows])[0] for _ in times]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Convolver]:
    """The networks that the job builds, in order."""
    made: list[Convolver] = []

    def load_interpolator(model: str, device: str, precision: str, routing: tuple[float, ...] | None) -> Convolver:
        made.append(Convolver(device, routing))
        return made[-1]

    monkeypatch.setattr(bench, "load_interpolator", load_interpolator)
    monkeypatch.setattr(bench, "time", SimpleNamespace(perf_counter=lambda: Convolver.clock))
    return made


def job(**changes: object) -> BenchJob:
    options: dict[str, object] = {"sizes": ((64, 48),), "routing": (0.5,) * 4, "warmup": 1, "runs": 5}
    return BenchJob(**(options | changes))  # type: ignore[arg-type]


def test_measures_time_and_arithmetic_per_generated_frame(built: list[Convolver]) -> None:
    (row,) = run(job(), lambda _: None)
    assert row.size == (64, 48)
    assert row.static.cost.macs == 64 * 48 * 3 * 3 * 9
    assert row.routed.cost.macs == row.static.cost.macs / 2
    assert (row.static.seconds, row.routed.seconds, row.rho) == (1, 0.5, 1)
    assert row.routed.shares == (0.5,) * 4
    assert row.static.peak_bytes > 2**20
    assert row.static.stages == {}


def test_frames_are_played_forwards_and_backwards(built: list[Convolver]) -> None:
    run(job(runs=9), lambda _: None)
    means = [float(np.mean(frame)) / 255 for frame in moving_texture((64, 48), bench.FRAMES)]
    order = [0, 1, 2, 3, 4, 3, 2, 1, 0, 1]
    expected = [(means[a], means[b]) for a, b in pairwise(order)]
    assert built[0].pairs[:9] == [pytest.approx(pair, abs=1e-5) for pair in expected]


def test_profile_measures_the_time_per_stage(built: list[Convolver]) -> None:
    (row,) = run(job(profile=True), lambda _: None)
    assert list(row.static.stages) == ["refine"]
    assert 0 < row.static.stages["refine"] < 1


def test_times_every_size_on_every_device(built: list[Convolver]) -> None:
    seen: list[Row] = []
    rows = run(job(sizes=((64, 48), (80, 64)), devices=("cpu", "cpu:0"), runs=1), seen.append)
    assert [row.size for row in rows] == [(64, 48), (80, 64)] * 2
    assert "fp32" in rows[0].device
    assert [network.asked for network in built] == ["cpu", "cpu", "cpu:0", "cpu:0"]
    assert seen == rows


def test_a_clip_is_timed_at_its_own_size_unless_sizes_are_given(built: list[Convolver], tmp_path) -> None:
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.zeros((40, 60, 3), np.uint8))
    assert [row.size for row in run(job(clip=tmp_path, sizes=(), runs=1), lambda _: None)] == [(60, 40)]
    assert [row.size for row in run(job(clip=tmp_path, runs=1), lambda _: None)] == [(64, 48)]


def test_a_clip_of_one_frame_is_refused(built: list[Convolver], tmp_path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((40, 60, 3), np.uint8))
    with pytest.raises(InputError, match="2 frames"):
        run(job(clip=tmp_path), lambda _: None)


def row_of(static: tuple[float, int], routed: tuple[float, int]) -> Row:
    measured = [Measured(seconds, Cost(macs), 0, (), {}) for seconds, macs in (static, routed)]
    return Row("cpu", (64, 48), *measured)


def test_rho_is_the_share_of_saved_arithmetic_that_becomes_saved_time() -> None:
    paper = row_of(static=(0.143, 173), routed=(0.116, 122))
    assert paper.rho == pytest.approx(0.64, abs=0.005)


def test_rho_is_undefined_where_no_arithmetic_is_saved() -> None:
    assert row_of((2.0, 10), (1.0, 10)).rho is None
    assert row_of((2.0, 0), (1.0, 0)).rho is None


def test_the_texture_moves_is_textured_and_is_the_same_every_time() -> None:
    first, second = moving_texture((96, 64), 2)
    assert first.shape == (64, 96, 3)
    assert first.std() > 20
    assert np.array_equal(first[4:10, 4:10], second[6:12, 8:14])
    assert np.array_equal(moving_texture((96, 64), 2)[1], second)


def test_needs_at_least_one_run() -> None:
    with pytest.raises(UsageError, match="runs"):
        BenchJob(runs=0)
