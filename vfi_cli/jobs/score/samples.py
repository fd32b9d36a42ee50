"""What a model is scored on: two frames that it sees, and those between, which it has to make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from vfi_cli.engine.frames import Frame
from vfi_cli.errors import InputError
from vfi_cli.jobs.score.clips import Clip

Fit = Callable[[Frame], Frame]
"""What is done to a picture before it is used."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """`truths` is what was filmed at `times`, which are shares of the way from `left` to `right`."""

    left: Frame
    right: Frame
    times: tuple[float, ...]
    truths: tuple[Frame, ...]


class EvalClip(Protocol):
    """Samples that are scored as one; a frame that is the right one of a sample and the left one of the next is `is`
    the same."""

    @property
    def name(self) -> str:
        """In reports."""

    @property
    def path(self) -> Path:
        """In errors."""

    def samples(self) -> Iterator[Sample]:
        """Raises InputError if something cannot be read: scores of guessed frames would mean nothing."""


@dataclass(frozen=True, slots=True)
class HoldOut:
    """Frames 0, 2, 4, ... of a clip go in, frames 1, 3, 5, ... are the truth; an even one at the end is left out.

    limit: frames read; None reads all.
    """

    clip: Clip
    limit: int | None = None

    @property
    def name(self) -> str:
        return self.clip.name

    @property
    def path(self) -> Path:
        return self.clip.path

    def samples(self) -> Iterator[Sample]:
        frames = self.clip.frames(self.limit)
        for left in islice(frames, 1):
            for truth, right in zip(frames, frames, strict=False):
                yield Sample(left, right, (0.5,), (truth,))
                left = right


@dataclass(frozen=True, slots=True)
class Span:
    """Picture files: `left`, `right`, and the evenly spaced ones `between` them."""

    left: Path
    between: tuple[Path, ...]
    right: Path


@dataclass(frozen=True, slots=True)
class Pictures:
    """Spans of picture files; each picture passes `fit`."""

    name: str
    path: Path
    spans: tuple[Span, ...]
    fit: Fit = lambda picture: picture

    def samples(self) -> Iterator[Sample]:
        last: tuple[Path, Frame] | None = None
        for span in self.spans:
            left = last[1] if last is not None and last[0] == span.left else self._read(span.left)
            right = self._read(span.right)
            last = span.right, right
            steps = len(span.between) + 1
            times = tuple(step / steps for step in range(1, steps))
            yield Sample(left, right, times, tuple(self._read(path) for path in span.between))

    def _read(self, path: Path) -> Frame:
        if not path.is_file():
            raise InputError("no such picture", path=path)
        (picture,) = Clip(path.name, path).frames()
        return self.fit(picture)
