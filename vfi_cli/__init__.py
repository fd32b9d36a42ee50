"""Video frame interpolation with APR-VFI.

    from vfi_cli import interpolate_video, load_interpolator, probe

    interpolate_video("in.mp4", "out.mp4", fps=60)

Everything but `__version__` is imported when it is first used: `import vfi_cli` loads neither torch nor PyAV.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vfi_cli.engine.interpolator import Interpolator, load_interpolator
    from vfi_cli.errors import VfiError
    from vfi_cli.jobs.interp.api import interpolate_video
    from vfi_cli.jobs.interp.summary import Summary
    from vfi_cli.video.read.probe import probe

__version__ = "0.1.0"
__all__ = ["Interpolator", "Summary", "VfiError", "__version__", "interpolate_video", "load_interpolator", "probe"]

_MODULES = {
    "Interpolator": "vfi_cli.engine.interpolator",
    "Summary": "vfi_cli.jobs.interp.summary",
    "VfiError": "vfi_cli.errors",
    "interpolate_video": "vfi_cli.jobs.interp.api",
    "load_interpolator": "vfi_cli.engine.interpolator",
    "probe": "vfi_cli.video.read.probe",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
