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


def test_a_body_that_ends_well_closes_and_abandons_nothing():
    with Writer() as writer:
        pass
    assert writer.calls == ["close"]


def test_a_body_that_fails_is_not_closed():
    writer = Writer()
    with pytest.raises(KeyboardInterrupt), writer:
        raise KeyboardInterrupt
    assert writer.calls == ["abort"]


def test_what_cannot_be_closed_is_abandoned():
    writer = Writer(fails=True)
    with pytest.raises(OSError), writer:
        pass
    assert writer.calls == ["close", "abort"]
