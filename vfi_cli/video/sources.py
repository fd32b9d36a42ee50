"""What a source is, to be found out from its name alone, and what can be done with every kind of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Protocol

from vfi_cli.video.decode import Decoder, decode
from vfi_cli.video.probe import probe
from vfi_cli.video.types import ClipInfo


class Source(Protocol):
    """Something with frames in it."""

    @property
    def path(self) -> Path:
        """As the user calls it."""

    def probe(self) -> ClipInfo:
        """What it holds, see `probe.probe`."""

    def decode(self, info: ClipInfo, start: Fraction | None = None, stop: Fraction | None = None) -> Decoder:
        """Its frames, see `decode.decode`; `info` is what `probe` said."""


def open_source(path: Path) -> Source:
    """The source that `path` means."""
    return VideoFile(path)


class VideoFile:
    """A file that FFmpeg reads as video."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def probe(self) -> ClipInfo:
        return probe(self.path)

    def decode(self, info: ClipInfo, start: Fraction | None = None, stop: Fraction | None = None) -> Decoder:
        return decode(info, start, stop)
