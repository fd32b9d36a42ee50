"""Samples to score a model on: two input frames, and the true frames between them."""

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
"""A function that scales or crops an image before it is used."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Two input frames, and the true frames at `times`, from 0 at `left` to 1 at `right`."""

    left: Frame
    right: Frame
    times: tuple[float, ...]
    truths: tuple[Frame, ...]


class EvalClip(Protocol):
    """A clip of samples, which get one common score.

    If the right frame of a sample is the left frame of the next sample, both are the same object. Callers compare them
    with `is`.
    """

    @property
    def name(self) -> str:
        """The name for reports."""

    @property
    def path(self) -> Path:
        """The path for error messages."""

    def samples(self) -> Iterator[Sample]:
        """Yield the samples. Raises InputError if a frame cannot be read: without the true frame, no score is valid."""


@dataclass(frozen=True, slots=True)
class HoldOut:
    """Hold-out on a clip: frames 0, 2, 4, ... are the inputs, frames 1, 3, 5, ... are the truth.

    If the last frame is a true frame, it is left out, because it has no right neighbour.

    Args:
        limit: frames to read; None reads all.
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
    """The image files of a sample: `left`, `right`, and `between` them the true frames at evenly spaced times."""

    left: Path
    between: tuple[Path, ...]
    right: Path


@dataclass(frozen=True, slots=True)
class Pictures:
    """A clip of image files, one span per sample. `fit` is applied to each image."""

    name: str
    path: Path
    spans: tuple[Span, ...]
    fit: Fit = lambda image: image

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
            raise InputError("no such image", path=path)
        (image,) = Clip(path.name, path).frames()
        return self.fit(image)
