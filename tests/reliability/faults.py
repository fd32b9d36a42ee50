"""What goes wrong on request, by name: `FAULTS[name](value)` makes the process it is called in misbehave.

The product has no switch for any of this; a fault replaces a function of it, or a resource of the process.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from inspect import isfunction
from typing import Any


def blend() -> None:
    """The mean of both frames instead of the network."""
    _network(lambda number: None)


def slow(seconds: str) -> None:
    """`blend`, taking its time for every pair."""
    _network(lambda number: time.sleep(float(seconds)))


def out_of_memory(pairs: str) -> None:
    """`blend`, which runs out of memory at every pair after the first few."""

    def fail(number: int) -> None:
        if number >= int(pairs):
            raise _torch().OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    _network(fail)


def small_memory(pixels: str) -> None:
    """The device holds no more of a frame than so many pixels; the network is the real one."""
    from vfi_cli.model.apr import Apr

    extract_features = Apr.extract_features

    def limited(self: Apr, image: Any, **options: bool) -> Any:
        if image.shape[-2] * image.shape[-1] > int(pixels):
            raise _torch().OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return extract_features(self, image, **options)

    Apr.extract_features = limited  # type: ignore[method-assign]


def lost_device(pairs: str) -> None:
    """`blend`, whose device goes away after some pairs."""

    def fail(number: int) -> None:
        if number >= int(pairs):
            raise _torch().AcceleratorError("CUDA error: unspecified launch failure")

    _network(fail)


def _network(before: Callable[[int], None]) -> None:
    from tests.blend import Blend
    from vfi_cli.engine.device import failures_of_the_device
    from vfi_cli.jobs.interp import run_clip

    class Stub(Blend):
        def between(self, left: Any, right: Any, times: Any) -> Any:
            with failures_of_the_device():
                before(len(self.asked))
                return super().between(left, right, times)

    run_clip.build = lambda *_: Stub()  # type: ignore[assignment,return-value]


def _torch() -> Any:
    import torch

    return torch


def pool() -> None:
    """`blend` for every worker of a batch."""
    from tests import pools
    from vfi_cli.jobs.batch.pool import WorkerPool

    WorkerPool.__init__.__defaults__ = (pools.blend,)  # type: ignore[misc]


def pieces(frames: str) -> None:
    """What is made is safe from interruptions after so many frames."""
    from vfi_cli.jobs.interp import run_clip

    run_clip.SEGMENT_FRAMES = int(frames)


def file_size(limit: str) -> None:
    """No file grows beyond `limit` bytes: a disk that is full. Python ignores the signal, so that writing fails."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))


def encoder(frame: str) -> None:
    """The encoder raises at a frame."""
    from vfi_cli.errors import OutputError
    from vfi_cli.video.write.encode import Encoder

    write = Encoder.write

    def failing(self: Encoder, *arguments: Any) -> None:
        if self.frames == int(frame):
            raise OutputError("the encoder broke down")
        write(self, *arguments)

    Encoder.write = failing  # type: ignore[method-assign]


def muxer() -> None:
    """The container cannot be finished."""
    from vfi_cli.errors import OutputError
    from vfi_cli.video.write.encode import Encoder

    def failing(self: Encoder) -> None:
        raise OutputError("the container cannot be finished")

    Encoder.close = failing  # type: ignore[method-assign]


def stuck(seconds: str) -> None:
    """A frame is encoded for ever, and nothing can be done about it."""
    from vfi_cli.video.write.encode import Encoder

    def waiting(self: Encoder, *_: Any) -> None:
        time.sleep(float(seconds))

    Encoder.write = waiting  # type: ignore[method-assign]


def killed_at_commit(moment: str) -> None:
    """The process dies `before` or `after` its output gets its name."""
    for module, name in ((os, "link"), (os, "replace"), (os, "rename")):
        original = getattr(module, name)

        def dying(source: Any, target: Any, *rest: Any, original: Any = original, **options: Any) -> None:
            if not str(target).endswith(".mp4"):
                original(source, target, *rest, **options)
                return
            if moment == "after":
                original(source, target, *rest, **options)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(module, name, dying)
    # pathlib looks the functions up when they are called, so that nothing else is to be replaced.


def clock() -> None:
    """The system's clock jumps by hours, forth and back, whenever it is looked at."""
    true, count = time.time, [0]

    def jumping() -> float:
        count[0] += 1
        return true() + 7200 * (-1) ** count[0]

    time.time = jumping


def no_cuda() -> None:
    """No device is visible, whatever the machine has."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def threads(count: str) -> None:
    """The machine has `count` processors."""
    from vfi_cli.engine import device

    device.available_cpus = lambda: int(count)


def no_home() -> None:
    """Neither a home nor a name for the user."""
    for name in ("HOME", "USER", "LOGNAME"):
        os.environ.pop(name, None)


def umask() -> None:
    """New files are for their owner alone."""
    os.umask(0o077)


def removed_folder() -> None:
    """The folder to work in has been removed."""
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)  # noqa: PTH106


def closed(stream: str) -> None:
    """A standard stream is not there."""
    os.close(("stdin", "stdout", "stderr").index(stream))
    setattr(sys, stream, None)  # as Python does where it finds none


FAULTS: dict[str, Callable[..., None]] = {
    name: function
    for name, function in list(globals().items())
    if isfunction(function) and function.__module__ == __name__ and not name.startswith("_")
}
