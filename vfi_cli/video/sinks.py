"""What an output is, and how it is written: a video file, a folder of pictures, an animation or a pipe."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from vfi_cli.video.animation import GifEncoder, WebpEncoder
from vfi_cli.video.encode import Encoder
from vfi_cli.video.folder import FolderTarget
from vfi_cli.video.output import CONTAINERS, EncodePlan
from vfi_cli.video.passthrough import StreamCopy
from vfi_cli.video.picture_writer import PictureWriter
from vfi_cli.video.pipe import PipeOutput, PipeWriter
from vfi_cli.video.target import Target
from vfi_cli.video.types import VideoFrame


class Place(Protocol):
    """Where an output will appear, see `target.Target`."""

    @property
    def part(self) -> Path:
        """Where it is made."""

    def commit(self) -> None:
        """Make it appear."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Writer(Protocol):
    """What makes the output, see `encode.Encoder`. `frames`: written so far."""

    frames: int

    def write(self, frame: VideoFrame) -> None: ...

    def close(self) -> None: ...

    def abandon(self) -> None: ...

    def verify(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def is_video(plan: EncodePlan) -> bool:
    """Whether the output is a video file."""
    return plan.container in CONTAINERS.values()


def reserve(plan: EncodePlan, *, source: Path | None = None, overwrite: bool = False) -> Place:
    """The place of the output, kept free for it, see `target.Target`. Raises OutputError."""
    if plan.container == "yuv4mpegpipe":
        return PipeOutput()
    if plan.container == "image2":
        return FolderTarget(plan.target, source=source, overwrite=overwrite)
    return Target(plan.target, source=source, overwrite=overwrite)


def open_writer(part: Path, plan: EncodePlan, streams: StreamCopy | None = None) -> Writer:
    """What writes `plan` into the place `part`.

    Raises:
        UsageError: an option the encoder does not have, or a value it does not take.
        OutputError: the encoder or the container refuses the plan.
    """
    if plan.container == "yuv4mpegpipe":
        return PipeWriter(plan)
    if plan.container == "image2":
        return PictureWriter(part, plan)
    if plan.container == "gif":
        return GifEncoder(part, plan)
    if plan.container == "webp":
        return WebpEncoder(part, plan)
    return Encoder(part, plan, streams)
