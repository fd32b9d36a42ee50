from __future__ import annotations

import csv
import json
import shutil
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.jobs.score.test_evaluate import write_frames
from tests.model.networks import SMALL, scrambled
from vfi_cli import weights
from vfi_cli.engine.frames import Frame
from vfi_cli.errors import OutputError, UsageError
from vfi_cli.jobs.score.evaluate import EvalJob
from vfi_cli.jobs.score.evaluate import run as evaluate
from vfi_cli.jobs.score.study import RULES, Point, RouteMap, StudyJob, StudyReport, run
from vfi_cli.jobs.score.study_report import StudyFolder

BUDGETS = ((0.5, 0.5, 0.5, 0.5), (0.1, 0.2, 0.3, 0.4))


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "load", lambda _: scrambled(SMALL["lite"]))


def moving(count: int, seed: int = 0) -> list[Frame]:
    """A smooth texture that pans four pixels per frame."""
    grid = np.random.default_rng(seed).integers(0, 256, (8, 12, 3)).astype(np.float32)
    texture = cv2.resize(grid, (120, 80), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
    return [np.roll(texture, 4 * index, 1) for index in range(count)]


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    write_clips(tmp_path)
    return tmp_path / "all"


def write_clips(folder: Path) -> None:
    for seed, name in enumerate(("a", "b")):
        write_frames(folder / "all" / name, moving(5, seed))


@pytest.fixture(scope="module")
def maps() -> dict[str, list[RouteMap]]:
    """The route maps of `report`, by clip."""
    return {}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, maps: dict[str, list[RouteMap]]) -> StudyReport:
    """A study of both clips. Most tests share it, because it is slow."""
    folder = tmp_path_factory.mktemp("study")
    write_clips(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights, "load", lambda _: scrambled(SMALL["lite"]))
        return study(folder / "all", maps=maps)


def study(*paths: Path, seed: int = 0, maps: dict[str, list[RouteMap]] | None = None) -> StudyReport:
    job = StudyJob(paths=paths, precision="fp32", device="cpu", budgets=BUDGETS, seed=seed)
    return run(job, lambda _: None, lambda clip, drawn: (maps if maps is not None else {}).update({clip: drawn}))


def by_rule(points: tuple[Point, ...], rule: str) -> list[Point]:
    return [point for point in points if point.rule == rule]


def test_every_rule_is_tried_at_every_budget_between_the_two_ends(report: StudyReport) -> None:
    assert [clip.clip for clip in report.clips] == ["all/a", "all/b"]
    assert [clip.frames for clip in report.clips] == [2, 2]
    for points in (*(clip.points for clip in report.clips), report.mean):
        assert [point.rule for point in points[-3:]] == ["first block", "router alone", "static"]
        for rule in RULES:
            assert [point.ratios for point in by_rule(points, rule)] == sorted(BUDGETS, key=sum)
        assert len(points) == 3 + len(RULES) * len(BUDGETS)


def test_variants_without_a_budget_score_the_same_as_vfi_eval(clips: Path, report: StudyReport) -> None:
    points = report.clips[0].points
    for rule, routing in (("static", None), ("first block", (0.0,) * 4), ("router alone", "router")):
        job = EvalJob((clips / "a",), device="cpu", precision="fp32", routing=routing)  # type: ignore[arg-type]
        scored = evaluate(job, lambda _: None)
        assert by_rule(points, rule)[0].psnr == pytest.approx(scored.clips[0].score.psnr, abs=1e-4)


def test_equal_ratios_run_equal_shares_and_cost_the_same_but_for_the_router(report: StudyReport) -> None:
    points = report.clips[0].points
    extra = set()
    for router, difference, random in zip(*(by_rule(points, rule) for rule in RULES), strict=True):
        assert router.shares == difference.shares == random.shares
        assert random.flops == difference.flops
        extra.add(router.flops - difference.flops)
    assert len(extra) == 1 and extra.pop() > 0
    costs = [points[-3].flops, *(point.flops for point in by_rule(points, "difference")), points[-1].flops]
    assert all(less < more for less, more in pairwise(costs))


def test_the_result_of_a_clip_depends_only_on_the_clip_and_the_seed(clips: Path, report: StudyReport) -> None:
    alone, otherwise = study(clips / "b"), study(clips / "b", seed=1)
    assert report.clips[1].points == alone.clips[0].points
    same = [one == other for one, other in zip(alone.mean, otherwise.mean, strict=True)]
    assert [point.rule for point, equal in zip(alone.mean, same, strict=True) if not equal] == ["random"] * len(BUDGETS)


def test_a_bad_clip_is_listed_and_the_others_are_scored(clips: Path) -> None:
    (clips / "c.mp4").write_bytes(b"no video")
    shutil.rmtree(clips / "b")
    report = study(clips)
    assert ([bad.clip for bad in report.bad], len(report.clips), report.exit_code) == (["all/c.mp4"], 1, 5)


def test_the_folder_holds_table_data_curve_and_maps(
    tmp_path: Path, report: StudyReport, maps: dict[str, list[RouteMap]]
) -> None:
    job = StudyJob(paths=(Path("all"),), precision="fp32", device="cpu", budgets=BUDGETS)
    folder = StudyFolder(tmp_path / "new" / "study")
    for clip, drawn in maps.items():
        folder.add_maps(clip, drawn)
    folder.write(job, report)
    names = ["curve.png", "routes-01-all-a.png", "routes-02-all-b.png", "study.csv", "study.json"]
    assert sorted(path.name for path in folder.path.iterdir()) == names
    rows = list(csv.DictReader((folder.path / "study.csv").open()))
    assert len(rows) == 3 * len(report.mean)
    assert (rows[-1]["clip"], rows[-1]["rule"], rows[-1]["frames"]) == ("mean", "static", "4")
    assert float(rows[-1]["psnr"]) == report.mean[-1].psnr
    data = json.loads((folder.path / "study.json").read_text())
    assert data["mean"][-1]["flops"] == report.mean[-1].flops
    for name in names[:3]:
        assert cv2.imread(str(folder.path / name)).std() > 10


def test_maps_show_the_blocks_that_ran(report: StudyReport, maps: dict[str, list[RouteMap]]) -> None:
    names = [route_map.name for route_map in maps["all/a"]]
    assert names[:2] == ["router at 0.1,0.2,0.3,0.4", "difference at 0.1,0.2,0.3,0.4"]
    assert names[-3:] == ["first block", "router alone", "static"]
    first, static = maps["all/a"][-3].frame[:40], maps["all/a"][-1].frame[:40]
    assert static[..., 0].mean() > first[..., 0].mean() + 20  # red against blue
    assert len({route_map.frame.tobytes() for route_map in maps["all/a"]}) > len(RULES)


def test_invalid_options_are_refused_before_any_computation(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="numbers from 0 to 1"):
        StudyJob(paths=(), budgets=((0.5, 0.5),))
    with pytest.raises(UsageError, match="at least 3"):
        StudyJob(paths=(), max_frames=2)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="folder"):
        StudyFolder(tmp_path / "file")
