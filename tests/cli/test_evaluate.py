from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.blend import Blend
from tests.cli.test_app import run
from tests.media import make_clip


@pytest.fixture(autouse=True)
def blend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vfi_cli.jobs.score.evaluate.load_interpolator", lambda *_: Blend())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.mp4", "b.mp4"):
        make_clip(tmp_path / name, 5)
    return tmp_path


def test_json_has_the_scores_per_clip_and_their_mean(monkeypatch, capsys, folder):
    code, out, _ = run(monkeypatch, capsys, "eval", str(folder), "--json")
    data = json.loads(out)
    assert code == 0
    assert [(clip["clip"], clip["frames"]) for clip in data["clips"]] == [
        (f"{folder.name}/a.mp4", 2),
        (f"{folder.name}/b.mp4", 2),
    ]
    assert set(data["clips"][0]) - {"flip"} == {"clip", "frames", "psnr", "ssim", "sharpness", "flicker"}
    assert data["mean"]["psnr"] == pytest.approx(sum(clip["psnr"] for clip in data["clips"]) / 2)
    assert data["failed"] == []


def test_the_baseline_adds_columns(monkeypatch, capsys, folder, tmp_path):
    table = tmp_path / "scores.csv"
    arguments = ("eval", str(folder / "a.mp4"), "--baseline", "blend", "--csv", str(table), "--max-frames", "3")
    code, out, _ = run(monkeypatch, capsys, *arguments)
    assert code == 0
    (row,) = csv.DictReader(table.open())
    assert (row["clip"], row["frames"]) == ("a.mp4", "1")
    assert row["psnr"] == row["blend_psnr"] and row["ssim"] == row["blend_ssim"]
    assert "blend" in out and f"{float(row['psnr']):.3f}" in out and "mean of 1" in out


def test_a_bad_clip_is_named_and_the_others_go_on(monkeypatch, capsys, folder):
    (folder / "c.mp4").write_bytes(b"no video")
    code, out, err = run(monkeypatch, capsys, "eval", str(folder), "--json")
    data = json.loads(out)
    assert code == 5
    assert len(data["clips"]) == 2
    assert [failed["clip"] for failed in data["failed"]] == [f"{folder.name}/c.mp4"]
    assert "c.mp4" in err


def test_only_bad_clips_is_exit_code_3(monkeypatch, capsys, tmp_path):
    (tmp_path / "c.mp4").write_bytes(b"no video")
    code, out, _ = run(monkeypatch, capsys, "eval", str(tmp_path / "c.mp4"), "--json")
    assert code == 3
    assert json.loads(out)["mean"] == {}


def test_without_json_the_table_is_all_there_is_on_stdout(monkeypatch, capsys, folder):
    _, out, err = run(monkeypatch, capsys, "eval", str(folder))
    assert len(out.splitlines()) == 3
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 2),
        (("missing",), 3),
        (("x.mp4", "--max-frames", "2"), 2),
        (("x.mp4", "--baseline", "best"), 2),
        (("x.mp4", "--static", "--keep-ratio", "1,1,1,1"), 2),
        (("x.mp4", "--csv", "missing/scores.csv"), 4),
    ],
)
def test_what_cannot_be_done_is_one_line(monkeypatch, capsys, arguments, code):
    got, out, err = run(monkeypatch, capsys, "eval", *arguments)
    assert (got, out) == (code, "")
    assert err.startswith("vfi: error: ") and err.count("\n") == 1
