from __future__ import annotations

import pytest

from vfi_cli.video.write.writer import AbortableWriter


class Writer(AbortableWriter):
    def __init__(self, *, fails: bool = False) -> None:
        self.calls: list[str] = []
        self._fails = fails

    def close(self) -> None:
        self.calls.append("close")
        if self._fails:
            raise OSError

    def abort(self) -> None:
        self.calls.append("abort")


def test_a_body_without_error_closes_the_writer():
    with Writer() as writer:
        pass
    assert writer.calls == ["close"]


def test_a_body_that_fails_aborts_the_writer():
    writer = Writer()
    with pytest.raises(KeyboardInterrupt), writer:
        raise KeyboardInterrupt
    assert writer.calls == ["abort"]


def test_a_writer_that_cannot_be_closed_is_aborted():
    writer = Writer(fails=True)
    with pytest.raises(OSError), writer:
        pass
    assert writer.calls == ["close", "abort"]
