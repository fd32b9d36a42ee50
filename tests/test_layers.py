"""The floors of the package: a file imports only from floors below its own.

6 cli
5 jobs                                       train
4 engine                                     weights
3 model        video        scene        measure      (worlds that never import each other)
2 ops
1 timeline     grid         order        errors
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "vfi_cli"
FLOORS = {
    **dict.fromkeys(("timeline", "cadence", "pauses", "pace", "cpus", "grid", "order", "errors"), 1),
    "ops": 2,
    **dict.fromkeys(("model", "video", "scene", "measure"), 3),
    **dict.fromkeys(("engine", "weights"), 4),
    **dict.fromkeys(("jobs", "train"), 5),
    "cli": 6,
}
# Rooms of one floor that may not look into each other; elsewhere neighbours may.
WORLDS = (3, 5)
HEAVY = ("torch", "av", "cv2", "numba", "numpy")
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The part of the package a file belongs to: "ops" for vfi_cli/ops/splat.py, "" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "" if parts[0].startswith("__") else parts[0]


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_from_floors_below(path: Path):
    own = room(path)
    if not own:  # the public face and the entry point look at everything
        return
    for name in imports(path):
        package, _, rest = name.partition(".")
        other = rest.split(".")[0]
        if package != "vfi_cli" or other == own or other not in FLOORS:
            continue
        neighbours = FLOORS[other] == FLOORS[own] and FLOORS[own] not in WORLDS
        assert FLOORS[other] < FLOORS[own] or neighbours, f"{own} must not import {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_file_has_its_floor(path: Path):
    assert room(path) == "" or room(path) in FLOORS


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if room(path) in ("timeline", "cadence", "pauses", "pace", "cpus", "grid", "errors")],
    ids=str,
)
def test_the_ground_floor_needs_nothing_but_python(path: Path):
    outside = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - {"vfi_cli"}
    assert not outside


@pytest.mark.parametrize("path", [path for path in FILES if room(path) != "cli"], ids=str)
def test_only_the_command_line_prints_or_exits(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in ("print", "sys.exit", "exit", "quit"), f"line {node.lineno}"


@pytest.mark.parametrize(
    "code",
    [
        "import vfi_cli; vfi_cli.__version__",
        "import vfi_cli.cli.app as app; app.app(['--help'], standalone_mode=False)",
        "import vfi_cli.cli.app as app; app.app(['interp', '--help'], standalone_mode=False)",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code: str):
    probe = f"{code}; import sys; print('HEAVY', [name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize("module", ["jobs.bench", "cli.bench", "train.loop", "cli.train", "engine.interpolator"])
def test_what_a_gpu_is_wanted_for_needs_no_pyav(module: str):
    """A machine with a GPU may lack it."""
    code = f"import sys; sys.modules['av'] = None; import vfi_cli.{module}"
    subprocess.run([sys.executable, "-c", code], check=True)
