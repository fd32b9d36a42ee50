"""All that the result of a job depends on, so that what one run has begun no other run finishes as something else."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import av
import torch

from vfi_cli import __version__
from vfi_cli.cpus import available_cpus
from vfi_cli.engine.interpolator import Interpolator
from vfi_cli.jobs.interp.plan import InterpJob
from vfi_cli.video.read.image_sequence import find_pictures

REFUSED = "refused"
"""The entry for fields if no option says how to read them. Finished pieces then hold no fields."""
_ENDS = 1 << 20  # bytes at either end of a file that tell it from others

# What these say is told by other entries, or changes nothing about the frames.
_ELSEWHERE = {
    "source",
    "target",
    "model",
    "device",
    "precision",
    "overwrite",
    "strict",
    "restart",
    "deinterlace",
    "progressive",
}
# These options do not concern the picture, and the pieces hold only the picture.
_BESIDE = {"audio", "subtitles", "data", "sound", "chapters", "metadata"}


def fingerprint(job: InterpJob, interpolator: Interpolator, extradata: bytes | None, length: int) -> dict[str, str]:
    """Names that mean something to the user, and what they stand for in this run.

    Args:
        extradata: what the encoder says about the picture.
        length: of a piece, in frames.

    Raises InputError or OSError if the input is gone.
    """
    options = {field.name: getattr(job, field.name) for field in fields(job) if field.name not in _ELSEWHERE | _BESIDE}
    return {
        "input": identity(job.source),
        "model": f"{job.model} ({_network(interpolator)})",
        "device": interpolator.runtime.label,
        "fields": "deinterlaced" if job.deinterlace else "read as whole pictures" if job.progressive else REFUSED,
        "CPU": f"{available_cpus()} threads, {torch.backends.cpu.get_cpu_capability()}",  # encoders depend on these too
        **{name: identity(value) if isinstance(value, Path) else str(value) for name, value in options.items()},
        "piece": f"{length} frames",
        "encoder": _digest(extradata or b""),
        "vfi": __version__,
        "PyAV": av.__version__,
        "torch": torch.__version__,
    }


def _network(interpolator: Interpolator) -> str:
    """What tells its weights from others."""
    if not isinstance(interpolator, Interpolator):  # a stand-in
        return type(interpolator).__qualname__
    digest = hashlib.sha256()
    for name, tensor in interpolator.network.state_dict().items():
        digest.update(name.encode())
        values = tensor.cpu().clone(memory_format=torch.contiguous_format).flatten()  # numpy knows no bfloat16
        digest.update(values.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


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
