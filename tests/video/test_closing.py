from __future__ import annotations

import pytest

from vfi_cli.video.closing import Closing


class Writer(Closing):
    def __init__(self, *, fails: bool = False) -> None:
        self.calls: list[str] = []
        self._fails = fails

    def close(self) -> None:
        self.calls.append("close")
        if self._fails:
            raise OSError

    def abandon(self) -> None:
        self.calls.append("abandon")


def test_a_body_that_ends_well_closes_and_abandons_nothing():
    with Writer() as writer:
        pass
    assert writer.calls == ["close"]


def test_a_body_that_fails_is_not_closed():
    writer = Writer()
    with pytest.raises(KeyboardInterrupt), writer:
        raise KeyboardInterrupt
    assert writer.calls == ["abandon"]


def test_what_cannot_be_closed_is_abandoned():
    writer = Writer(fails=True)
    with pytest.raises(OSError), writer:
        pass
    assert writer.calls == ["close", "abandon"]
