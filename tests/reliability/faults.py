"""Injects faults: `FAULTS[name](value)` makes the current process fail in the way `name`.

A fault replaces a function of the program, or changes a resource of the process, so the program needs no test options.
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
    """Use the mean of the two frames instead of the network."""
    _replace_network(lambda pair: None)


def slow(seconds: str) -> None:
    """As `blend`, but each pair of frames takes `seconds`."""
    _replace_network(lambda pair: time.sleep(float(seconds)))


def out_of_memory(pairs: str) -> None:
    """As `blend`, but memory runs out at every pair after the first `pairs`."""

    def fail(pair: int) -> None:
        if pair >= int(pairs):
            raise _torch().OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    _replace_network(fail)


def small_memory(pixels: str) -> None:
    """Use the real network, but memory runs out if it gets more than `pixels` pixels."""
    from vfi_cli.model.apr import Apr

    original = Apr.extract_features

    def limited(self: Apr, image: Any, **options: bool) -> Any:
        if image.shape[-2] * image.shape[-1] > int(pixels):
            raise _torch().OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return original(self, image, **options)

    Apr.extract_features = limited  # type: ignore[method-assign]


def lost_device(pairs: str) -> None:
    """As `blend`, but the device fails at every pair after the first `pairs`."""

    def fail(pair: int) -> None:
        if pair >= int(pairs):
            raise _torch().AcceleratorError("CUDA error: unspecified launch failure")

    _replace_network(fail)


def _replace_network(before: Callable[[int], None]) -> None:
    """Replace the network by `Blend`, and call `before(number of the pair)` at each pair."""
    from tests.blend import Blend
    from vfi_cli.engine.device import failures_of_the_device
    from vfi_cli.jobs.interp import run_clip

    class Stub(Blend):
        def between(self, left: Any, right: Any, times: Any) -> Any:
            with failures_of_the_device():
                before(len(self.asked))
                return super().between(left, right, times)

    run_clip.load_interpolator = lambda *_: Stub()  # type: ignore[assignment,return-value]


def _torch() -> Any:
    import torch

    return torch


def blend_workers() -> None:
    """Use `blend` in every worker of a batch."""
    from tests import pools
    from vfi_cli.jobs.batch.pool import WorkerPool

    WorkerPool.__init__.__defaults__ = (pools.blend,)  # type: ignore[misc]


def segment_frames(frames: str) -> None:
    """Close a segment after `frames` frames."""
    from vfi_cli.jobs.interp import run_clip

    run_clip.SEGMENT_FRAMES = int(frames)


def file_size(limit: str) -> None:
    """Let no file grow beyond `limit` bytes, as on a full disk. Writing fails, because the signal is ignored."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))


def failing_encoder(frame: str) -> None:
    """Make the encoder fail at frame number `frame`."""
    from vfi_cli.errors import OutputError
    from vfi_cli.video.write.encode import Encoder

    write = Encoder.write

    def failing(self: Encoder, *arguments: Any) -> None:
        if self.frames == int(frame):
            raise OutputError("the encoder broke down")
        write(self, *arguments)

    Encoder.write = failing  # type: ignore[method-assign]


def failing_muxer() -> None:
    """Make the muxer fail when it finishes the file."""
    from vfi_cli.errors import OutputError
    from vfi_cli.video.write.encode import Encoder

    def failing(self: Encoder) -> None:
        raise OutputError("the container cannot be finished")

    Encoder.close = failing  # type: ignore[method-assign]


def stuck_encoder(seconds: str) -> None:
    """Make the encoder block for `seconds` at each frame. A signal does not end the wait."""
    from vfi_cli.video.write.encode import Encoder

    def waiting(self: Encoder, *_: Any) -> None:
        time.sleep(float(seconds))

    Encoder.write = waiting  # type: ignore[method-assign]


def killed_at_commit(moment: str) -> None:
    """Kill the process `before` or `after` it renames the output to its final name (*.mp4)."""
    for module, name in ((os, "link"), (os, "replace"), (os, "rename")):
        original = getattr(module, name)

        def rename_and_kill(source: Any, target: Any, *rest: Any, original: Any = original, **options: Any) -> None:
            if not str(target).endswith(".mp4"):
                original(source, target, *rest, **options)
                return
            if moment == "after":
                original(source, target, *rest, **options)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(module, name, rename_and_kill)
    # pathlib looks these functions up in `os` at each call, so nothing else needs to be replaced.


def jumping_clock() -> None:
    """Make `time.time` jump by two hours, back and forth, at each call."""
    real_time, count = time.time, [0]

    def jumping() -> float:
        count[0] += 1
        return real_time() + 7200 * (-1) ** count[0]

    time.time = jumping


def no_cuda() -> None:
    """Hide all CUDA devices of the machine."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def cpu_count(count: str) -> None:
    """Let the program see `count` CPUs."""
    from vfi_cli.engine import device

    device.available_cpus = lambda: int(count)


def no_home() -> None:
    """Remove the home and the name of the user from the environment."""
    for name in ("HOME", "USER", "LOGNAME"):
        os.environ.pop(name, None)


def umask() -> None:
    """Let only their owner read new files."""
    os.umask(0o077)


def removed_folder() -> None:
    """Make the working folder one that no longer exists."""
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)  # noqa: PTH106


def closed_stream(stream: str) -> None:
    """Close a standard stream: stdin, stdout or stderr."""
    os.close(("stdin", "stdout", "stderr").index(stream))
    setattr(sys, stream, None)  # as Python does at its start if the stream is closed


FAULTS: dict[str, Callable[..., None]] = {
    name: function
    for name, function in list(globals().items())
    if isfunction(function) and function.__module__ == __name__ and not name.startswith("_")
}
