"""The documentation names what the program has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer

from tests.blend import Blend
from tests.cli.test_app import run
from tests.media import make_clip
from vfi_cli.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("weights/*.md")]


@pytest.mark.parametrize("name", ["interp", "batch"])
def test_every_option_is_documented(name: str):
    group = typer.main.get_command(app)
    command = group.get_command(typer.Context(group), name)  # type: ignore[attr-defined]
    options = [name for parameter in command.params for name in parameter.opts if name.startswith("-")]
    page = (ROOT / "docs/options.md").read_text(encoding="utf-8")
    assert len(options) > 20
    assert [name for name in options if not re.search(rf"`{re.escape(name)}[` ]", page)] == []


def test_every_command_is_in_the_readme():
    group = typer.main.get_command(app)
    names = group.list_commands(typer.Context(group))  # type: ignore[attr-defined]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in names if f"vfi {name}" not in readme] == []


def test_links_between_the_pages_lead_somewhere():
    wrong = []
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if not link.startswith("http") and not (page.parent / link).exists():
                wrong.append(f"{page.relative_to(ROOT)}: {link}")
    assert wrong == []


@pytest.mark.parametrize("command", [["interp"], ["info"], ["batch"]])
def test_every_key_of_the_json_output_is_documented(monkeypatch, capsys, tmp_path: Path, command: list[str]):
    monkeypatch.setattr("vfi_cli.jobs.interp.run_clip.load_interpolator", lambda *_: Blend())
    (tmp_path / "in").mkdir()
    clip = make_clip(tmp_path / "in/a.mp4", 4)
    paths = [str(clip)]
    if command == ["batch"]:  # the output exists, so that no worker is started
        paths = [str(tmp_path / "in"), str(tmp_path / "in")]
        run(monkeypatch, capsys, "interp", str(clip))
    data = json.loads(run(monkeypatch, capsys, *command, *paths, "--json")[1])
    page = (ROOT / "docs/json.md").read_text(encoding="utf-8")
    section = page.partition(f"## `vfi {command[0]}`")[2].partition("\n## ")[0]
    assert data.pop("schema") == 1
    assert [key for key in data if f"`{key}`" not in section] == []
