from __future__ import annotations

import json

import pytest

from tests.cli.test_app import run
from tests.jobs.score.test_bench import built  # noqa: F401
from vfi_cli.cli.bench import parse_sizes
from vfi_cli.errors import UsageError

QUICK = ("bench", "--sizes", "64x48", "--runs", "1", "--warmup", "0")


@pytest.mark.usefixtures("built")
def test_json_names_everything_a_number_must_be_read_with(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, *QUICK, "--json", "--keep-ratio", "0,0,1,1")
    data = json.loads(out)
    assert code == 0
    assert {"vfi", "model", "precision", "keep_ratios", "input", "warmup", "runs"} <= set(data)
    assert all(data["machine"][key] for key in ("cpu", "torch", "threads", "date"))
    (result,) = data["results"]
    assert (result["width"], result["height"]) == (64, 48)
    static, routed = result["static"], result["routed"]
    assert static["flops"] == 2 * static["macs"] == 2 * routed["flops"]
    assert (static["seconds_per_frame"], routed["seconds_per_frame"], result["rho"]) == (1, 0.5, 1)
    assert len(routed["block_shares"]) == 4
    assert static["peak_bytes"] > 0


@pytest.mark.usefixtures("built")
def test_the_table_fits_80_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(monkeypatch, capsys, *QUICK, "--profile")
    assert code == 0
    assert "64x48" in out and "static" in out and "routed" in out and "refine" in out
    assert "…" not in out


def test_sizes_are_width_by_height():
    assert parse_sizes("640x360, 1280x720") == ((640, 360), (1280, 720))


@pytest.mark.parametrize("text", ["640", "0x360", "640x", "640x360,", "axb", "-1x5"])
def test_other_sizes_are_refused(text):
    with pytest.raises(UsageError, match="size"):
        parse_sizes(text)
