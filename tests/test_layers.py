"""The layers of the package. A file imports only from lower layers, and from other components only what they offer.

A component is a folder of the package, or a single file. A component offers the modules in its `__all__`.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "vfi_cli"
# Layers from the bottom to the top. A layer consists of groups, which do not import each other; in a group, a component
# imports only from the components before it.
LAYERS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("errors", "cpus", "disk", "grid", "file_names", "timing"),),
    (("ops",),),
    (
        ("model", "weights"),
        ("scene",),
        ("measure",),
        (
            *("video.types", "video.hdr", "video.limits", "video.av_frame"),
            *("video.container", "video.demux", "video.timestamps", "video.clip"),
            *("video.properties", "video.image", "video.formats"),
            *("video.read", "video.streams", "video.location", "video.write"),
        ),
    ),
    (("engine",),),
    (
        ("jobs.interp", "jobs.score", "jobs.batch"),
        ("train.recipes", "train.data", "train.learn", "train.run"),
    ),
    (("cli",),),
)
HEAVY = ("torch", "av", "cv2", "numba", "numpy")
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in FILES}
RANKS = {
    component: (number, group, place)
    for number, layer in enumerate(LAYERS)
    for group, components in enumerate(layer)
    for place, component in enumerate(components)
}


def component_of(module: str) -> str | None:
    """The component of a module such as "video.read.probe"; None for the package itself and for other packages."""
    parts = module.split(".")
    return next((name for end in (2, 1) if (name := ".".join(parts[:end])) in RANKS), None)


def imports(path: Path) -> Iterator[str]:
    """The full names of all modules and names that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows() -> Iterator[tuple[str, str]]:
    """Pairs (module, module that it imports), both inside the package and in different components."""
    for module, path in MODULES.items():
        for name in imports(path):
            package, _, rest = name.partition(".")
            target = rest if rest in MODULES else rest.rpartition(".")[0]
            if package == "vfi_cli" and target in MODULES and component_of(module) != component_of(target):
                yield module, target


def offer(component: str) -> set[str] | None:
    """The modules that other components may import; None if the component has no `__all__` and offers all."""
    path = PACKAGE.joinpath(*component.split("."), "__init__.py")
    for node in ast.parse(path.read_text()).body if path.exists() else ():
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return {f"{component}.{name}" for name in ast.literal_eval(node.value)}
    return None


def test_imports_go_down_and_through_what_a_component_offers():
    wrong = []
    for module, target in arrows():
        own, other = component_of(module), component_of(target)
        if own is None or other is None:  # vfi_cli/__init__.py and __main__.py may import everything
            continue
        (layer, group, place), (below, neighbour, before) = RANKS[own], RANKS[other]
        if below > layer or (below == layer and (neighbour != group or before > place)):
            wrong.append(f"{module} must not import {target}: its layer is not lower")
        offers = offer(other)
        if offers is not None and target not in offers:
            wrong.append(f"{module} must not import {target}: {other} does not offer it")
    assert not wrong, "\n".join(wrong)


def test_every_module_has_a_component_and_every_offer_is_used():
    unassigned = [name for name in MODULES if component_of(name) is None and not name.split(".")[-1].startswith("__")]
    used = {target for _, target in arrows()}
    unused = [module for component in RANKS for module in sorted((offer(component) or set()) - used)]
    assert (unassigned, unused) == ([], [])


def test_the_lowest_layer_needs_only_python_and_only_the_command_line_prints():
    wrong = []
    for module, path in MODULES.items():
        component = component_of(module)
        if component in LAYERS[0][0]:
            outside = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - {"vfi_cli"}
            wrong += [f"{module} imports {name}" for name in outside]
        if component != "cli":
            calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
            ends = [call for call in calls if ast.unparse(call.func) in ("print", "sys.exit", "exit", "quit")]
            wrong += [f"{module}, line {call.lineno}: {ast.unparse(call.func)}" for call in ends]
    assert not wrong, "\n".join(wrong)


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


@pytest.mark.parametrize(
    "module", ["jobs.score.bench", "cli.bench", "train.run.loop", "cli.train", "engine.interpolator"]
)
def test_bench_training_and_interpolator_need_no_pyav(module: str):
    """A machine with a GPU may lack PyAV."""
    code = f"import sys; sys.modules['av'] = None; import vfi_cli.{module}"
    subprocess.run([sys.executable, "-c", code], check=True)
