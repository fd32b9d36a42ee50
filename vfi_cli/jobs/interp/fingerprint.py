"""Identifies a job, so that a resumed run never mixes segments that were made with other inputs or options."""

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
from vfi_cli.video.read.image_sequence import find_images

REFUSED = "refused"
"""The entry "fields" if no option says how to read interlaced frames. The finished segments then hold none."""
_SAMPLE = 1 << 20  # bytes at the begin and at the end of a file that identify it

# Other entries cover these fields of the job, or the frames do not depend on them.
_OMITTED = {
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
# These fields concern other streams and tags. A segment holds only video.
_NOT_VIDEO = {"audio", "subtitles", "data", "audio_codec", "chapters", "metadata"}


def fingerprint(job: InterpJob, interpolator: Interpolator, extradata: bytes | None, length: int) -> dict[str, str]:
    """Everything that the segments of `job` depend on, as {name: value}. The names are clear to users.

    Args:
        job: gives the input and the options.
        interpolator: gives the model and the device.
        extradata: the codec parameters that the encoder returned; None if it returned none.
        length: frames of a segment.

    Raises InputError or OSError if the input no longer exists.
    """
    options = {field.name: getattr(job, field.name) for field in fields(job) if field.name not in _OMITTED | _NOT_VIDEO}
    return {
        "input": identity(job.source),
        "model": f"{job.model} ({_network(interpolator)})",
        "device": interpolator.runtime.label,
        "fields": "deinterlaced" if job.deinterlace else "read as whole frames" if job.progressive else REFUSED,
        "CPU": f"{available_cpus()} threads, {torch.backends.cpu.get_cpu_capability()}",  # encoders depend on these too
        **{name: identity(value) if isinstance(value, Path) else str(value) for name, value in options.items()},
        "segment": f"{length} frames",
        "encoder": _digest(extradata or b""),
        "vfi": __version__,
        "PyAV": av.__version__,
        "torch": torch.__version__,
    }


def _network(interpolator: Interpolator) -> str:
    """Hash of the weights, in hexadecimal; the class name of a test double."""
    if not isinstance(interpolator, Interpolator):  # a test double
        return type(interpolator).__qualname__
    digest = hashlib.sha256()
    for name, tensor in interpolator.network.state_dict().items():
        digest.update(name.encode())
        values = tensor.cpu().clone(memory_format=torch.contiguous_format).flatten()  # NumPy has no bfloat16
        digest.update(values.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def identity(path: Path) -> str:
    """Identify a file by its path, size, time of change, and a hash of its first and last MiB.

    For a folder or a pattern, the hash is that of the names, sizes and times of the image files.

    Raises InputError or OSError if nothing exists at `path`.
    """
    if not path.is_file():
        images = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in find_images(path)]
        return f"{path.resolve()} ({len(images)} images, {_digest(repr(images).encode())})"
    status = path.stat()
    with path.open("rb") as file:
        samples = file.read(_SAMPLE)
        file.seek(max(0, status.st_size - _SAMPLE))
        samples += file.read(_SAMPLE)
    changed = datetime.fromtimestamp(status.st_mtime_ns // 10**9, UTC).isoformat(" ")
    stamp = f"{changed[:19]}.{status.st_mtime_ns % 10**9:09d}"
    return f"{path.resolve()} ({status.st_size} bytes of {stamp}, {_digest(samples)})"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
