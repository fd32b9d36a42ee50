from __future__ import annotations

import json

import pytest

from tests.cli.test_app import run
from tests.jobs.score.test_routes import router  # noqa: F401
from tests.media import make_clip, truncated


@pytest.fixture
def arguments(router, tmp_path):  # noqa: F811
    source = make_clip(tmp_path / "in.mp4", 6, width=128, height=96)
    return "routes", str(source), "-o", str(tmp_path / "out.mp4")


def test_the_shares_per_block_are_told(monkeypatch, capsys, arguments):
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, out) == (0, "")
    assert "80.0%, 60.0%, 40.0%, 20.0%" in err


def test_json_has_the_shares_per_block(monkeypatch, capsys, arguments):
    code, out, _ = run(monkeypatch, capsys, *arguments, "--json")
    assert code == 0
    assert json.loads(out) == {
        "schema": 1,
        "target": arguments[-1],
        "frames": 6,
        "damaged": 0,
        "block_shares": pytest.approx([0.8, 0.6, 0.4, 0.2]),
    }


def test_damage_in_the_input_is_told(monkeypatch, capsys, router, tmp_path):  # noqa: F811
    whole = make_clip(tmp_path / "a.mkv", 40, width=128, height=96, options={"g": "1"})
    cut = truncated(whole, 0.5, tmp_path / "cut.mkv")
    code, _, err = run(monkeypatch, capsys, "routes", str(cut), "-o", str(tmp_path / "out.mp4"))
    assert code == 5
    assert "DAMAGED in the input" in err and "the file is incomplete" in err


def test_the_output_must_be_named(monkeypatch, capsys):
    code, _, err = run(monkeypatch, capsys, "routes", "in.mp4")
    assert code == 2 and "-o" in err
