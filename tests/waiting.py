"""Waits for something that another process or thread does."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(happened: Callable[[], bool], *, seconds: float = 60, what: str = "it") -> None:
    """Return once `happened()` is true. Raises AssertionError if it is still false after `seconds`."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.02)
