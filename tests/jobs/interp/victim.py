"""Runs `vfi interp` with a test double as its model. Tests kill this process while it works."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Any, NoReturn

from tests.blend import Blend
from vfi_cli.cli.app import main
from vfi_cli.jobs.interp import run_clip


class Slow(Blend):
    def between(self, *arguments: Any) -> Any:
        time.sleep(0.01)
        return super().between(*arguments)


def work(segment: int, clip: str, target: str, *options: str, die_after: float | None = None) -> NoReturn:
    """Run the command with segments of `segment` frames. Kill the process after `die_after` seconds."""
    if die_after is not None:
        death = threading.Timer(die_after, os.kill, (os.getpid(), signal.SIGKILL))
        death.daemon = True
        death.start()
    run_clip.load_interpolator = lambda *_: Slow()  # type: ignore[assignment,return-value]
    run_clip.SEGMENT_FRAMES = segment
    sys.argv = ["vfi", "interp", clip, "-o", target, "-q", *options]
    main()


if __name__ == "__main__":
    work(int(sys.argv[1]), *sys.argv[2:])
