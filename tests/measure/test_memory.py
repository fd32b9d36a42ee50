from __future__ import annotations

import mmap

from vfi_cli.measure.memory import peak_bytes, reset_peak

SIZE = 64 * 2**20


def touch_memory() -> None:
    """Use SIZE bytes and return them to the system; an allocator might keep them."""
    with mmap.mmap(-1, SIZE) as memory:
        memory[:: mmap.PAGESIZE] = b"x" * (SIZE // mmap.PAGESIZE)


def test_the_peak_remembers_memory_that_was_given_back() -> None:
    reset_peak()
    before = peak_bytes()
    touch_memory()
    assert peak_bytes() - before > 0.75 * SIZE


def test_a_reset_forgets_an_earlier_peak() -> None:
    reset_peak()
    touch_memory()
    before = peak_bytes()
    if reset_peak():
        assert before - peak_bytes() > 0.5 * SIZE
