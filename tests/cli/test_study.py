from __future__ import annotations

import json

import pytest

from tests.cli.test_app import run
from tests.jobs.score.test_study import clips, network  # noqa: F401


def test_a_table_on_stdout_and_files_in_the_folder(monkeypatch, capsys, clips, tmp_path):  # noqa: F811
    arguments = ("study", str(clips), "-o", str(tmp_path / "out"), "--keep-ratio", "0.5,0.5,0.5,0.5")
    code, out, err = run(monkeypatch, capsys, *arguments, "--max-frames", "3", "--precision", "fp32")
    assert code == 0
    heading, *rows = out.splitlines()
    assert heading.split()[:7] == ["PSNR", "to", "static", "GFLOPs", "of", "static", "rule"]
    assert [row.split()[4] for row in rows] == ["router", "difference", "random", "first", "router", "static"]
    assert "+0.000" in rows[-1] and "100.0%" in rows[-1]
    assert "1 frames along 6 routes" in err
    assert (tmp_path / "out" / "curve.png").exists()


def test_json_is_that_of_the_folder(monkeypatch, capsys, clips, tmp_path):  # noqa: F811
    arguments = ("study", str(clips / "a"), "-o", str(tmp_path), "--keep-ratio", "1,1,1,1", "--max-frames", "3")
    code, out, _ = run(monkeypatch, capsys, *arguments, "--json")
    assert code == 0
    assert json.loads(out) == {"schema": 1, **json.loads((tmp_path / "study.json").read_text())}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("x",), 2),
        (("missing", "-o", "out"), 3),
        (("x", "-o", "out", "--keep-ratio", "1,1"), 2),
        (("x", "-o", "out", "--keep-ratio", "a"), 2),
        (("x", "-o", "out", "--max-frames", "2"), 2),
    ],
)
def test_what_cannot_be_done_is_one_line(monkeypatch, capsys, tmp_path, arguments, code):
    monkeypatch.chdir(tmp_path)
    got, out, err = run(monkeypatch, capsys, "study", *arguments)
    assert (got, out) == (code, "")
    assert err.startswith("vfi: error: ") and err.count("\n") == 1
