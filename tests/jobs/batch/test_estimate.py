from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.blend import Blend
from tests.media import make_clip
from vfi_cli.jobs.batch import estimate as module
from vfi_cli.jobs.batch.estimate import estimate, free_bytes, seconds_per_pixel
from vfi_cli.jobs.interp.plan import InterpJob, make_plan
from vfi_cli.jobs.interp.run_clip import run


@pytest.mark.parametrize(
    "rate, options",
    [
        (24, {"fps": "60"}),
        (24, {"multi": 3}),
        (24, {"slowmo": 4}),
        (25, {"fps": "2x"}),
        (Fraction(24000, 1001), {"fps": "59.94"}),
        (24, {"fps": "60", "start": Fraction(1, 2), "stop": Fraction(3, 2)}),
    ],
)
def test_the_estimated_number_of_generated_frames_is_nearly_right(tmp_path: Path, rate, options: dict):
    clip = make_clip(tmp_path / "in.mp4", 48, rate=rate)
    job = InterpJob(source=clip, target=tmp_path / "out.mp4", scene_threshold=None, **options)
    cost = estimate(make_plan(job))
    assert cost.generated == pytest.approx(run(job, interpolator=Blend()).generated, abs=4)
    assert cost.pixels == cost.generated * 64 * 48


def test_the_estimated_size_grows_with_the_number_of_frames(tmp_path: Path):
    clip = make_clip(tmp_path / "in.mp4", 10)
    size = clip.stat().st_size
    assert estimate(make_plan(InterpJob(source=clip, multi=3))).size == 3 * size
    assert estimate(make_plan(InterpJob(source=clip, multi=2, stop=Fraction(1, 2)))).size == size


def test_the_network_is_timed_at_the_size_of_the_clip_with_the_most_pixels(tmp_path: Path, monkeypatch):
    sizes = []
    monkeypatch.setattr("vfi_cli.engine.interpolator.load_interpolator", lambda *_: Blend())
    monkeypatch.setattr("vfi_cli.jobs.score.bench.seconds_per_frame", lambda _, size: sizes.append(size) or 2.0)
    plans = [
        make_plan(InterpJob(source=make_clip(tmp_path / f"{width}.mp4", frames, width=width, height=64)))
        for width, frames in ((128, 20), (256, 4))
    ]
    assert seconds_per_pixel(InterpJob(source=tmp_path), "cpu", plans) == 2 / (128 * 64)
    monkeypatch.setattr(module, "MAX_PIXELS", 64 * 64)
    assert seconds_per_pixel(InterpJob(source=tmp_path), "cpu", plans) == 2 / (91 * 64)
    assert sizes == [(128, 64), (91, 64)]


def test_free_space_is_known_before_the_folder_exists(tmp_path: Path):
    assert free_bytes(tmp_path / "not/yet") > 0
