"""All that the result of a job depends on, so that what one run has begun no other run finishes as something else."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import av
import torch

from vfi_cli import __version__, weights
from vfi_cli.engine.device import Runtime
from vfi_cli.jobs.plan import InterpJob
from vfi_cli.video.sequence import find_pictures

_ENDS = 1 << 20  # bytes at either end of a file that tell it from others

# What these say is told by other entries, or changes nothing about the frames.
_ELSEWHERE = {"source", "target", "model", "device", "precision", "overwrite", "strict", "restart"}


def fingerprint(
    job: InterpJob, *, model: str, runtime: Runtime, extradata: bytes | None, length: int
) -> dict[str, str]:
    """Names that mean something to the user, and what they stand for in this run.

    Args:
        model: from `weights_identity`, or what else tells one interpolator from another.
        extradata: what the encoder says about the picture.
        length: of a piece, in frames.
    """
    options = {field.name: getattr(job, field.name) for field in fields(job) if field.name not in _ELSEWHERE}
    return {
        "input": identity(job.source),
        "model": model,
        "device": runtime.label,
        **{name: identity(value) if isinstance(value, Path) else str(value) for name, value in options.items()},
        "piece": f"{length} frames",
        "encoder": _digest(extradata or b""),
        "vfi": __version__,
        "PyAV": av.__version__,
        "torch": torch.__version__,
    }


def weights_identity(model: str) -> str:
    """What tells a model from another by the same name. Raises ModelError where there are no weights."""
    return f"{model} ({_digest(weights.find(model).read_bytes())})"


def identity(path: Path) -> str:
    """What tells a file, or the pictures of a folder or pattern, from any other: place, size and age, and bytes of it.

    Raises InputError or OSError where there is nothing.
    """
    if not path.is_file():
        pictures = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in find_pictures(path)]
        return f"{path.resolve()} ({len(pictures)} pictures, {_digest(repr(pictures).encode())})"
    status = path.stat()
    with path.open("rb") as file:
        ends = file.read(_ENDS)
        file.seek(max(0, status.st_size - _ENDS))
        ends += file.read(_ENDS)
    changed = datetime.fromtimestamp(status.st_mtime_ns // 10**9, UTC).isoformat(" ")
    stamp = f"{changed[:19]}.{status.st_mtime_ns % 10**9:09d}"
    return f"{path.resolve()} ({status.st_size} bytes of {stamp}, {_digest(ends)})"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
