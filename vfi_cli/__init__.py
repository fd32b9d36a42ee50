"""Video frame interpolation with APR-VFI.

    from vfi_cli import Interpolator, interpolate_video, probe

    interpolate_video("in.mp4", "out.mp4", fps="60")

Names other than `__version__` are imported on first use, so `import vfi_cli` loads neither torch nor a codec.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vfi_cli.engine.interpolator import Interpolator
    from vfi_cli.jobs.interp.run_clip import interpolate_video
    from vfi_cli.video.read.probe import probe

__version__ = "0.1.0"
__all__ = ["Interpolator", "__version__", "interpolate_video", "probe"]

_MODULES = {
    "Interpolator": "vfi_cli.engine.interpolator",
    "interpolate_video": "vfi_cli.jobs.interp.run_clip",
    "probe": "vfi_cli.video.read.probe",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
