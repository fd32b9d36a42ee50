"""Chooses location and writer for each kind of output: video file, image folder, animation or pipe."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from vfi_cli.video.formats import GIF, OutputKind
from vfi_cli.video.location.output_file import OutputFile
from vfi_cli.video.location.output_folder import OutputFolder
from vfi_cli.video.location.output_location import OutputLocation
from vfi_cli.video.streams.stream_copy import StreamCopy
from vfi_cli.video.types import VideoFrame
from vfi_cli.video.write.animation import GifEncoder, WebpEncoder
from vfi_cli.video.write.encode import Encoder
from vfi_cli.video.write.encode_plan import EncodePlan
from vfi_cli.video.write.image_writer import ImageWriter
from vfi_cli.video.write.pipe import PipeWriter, StandardOutput


class Writer(Protocol):
    """Writes the frames of an output, see `encode.Encoder`. `frames` counts those written so far."""

    frames: int

    def write(self, frame: VideoFrame) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...

    def verify(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_location(plan: EncodePlan, *, source: Path | None = None, overwrite: bool = False) -> OutputLocation:
    """Reserve the place of an output, see `output_file.OutputFile`. Raises OutputError."""
    match plan.output.kind:
        case OutputKind.PIPE:
            return StandardOutput()
        case OutputKind.IMAGES:
            return OutputFolder(plan.target, source=source, overwrite=overwrite)
        case OutputKind.VIDEO | OutputKind.ANIMATION:
            return OutputFile(plan.target, source=source, overwrite=overwrite)


def open_writer(temp_path: Path, plan: EncodePlan, streams: StreamCopy | None = None) -> Writer:
    """The writer for the output that `plan` describes. It writes to `temp_path`.

    Raises:
        UsageError: the encoder does not have an option of the plan.
        OutputError: the encoder or the container refuses the plan, such as the value of an option.
    """
    match plan.output.kind:
        case OutputKind.PIPE:
            return PipeWriter(plan)
        case OutputKind.IMAGES:
            return ImageWriter(temp_path, plan)
        case OutputKind.ANIMATION:
            return GifEncoder(temp_path, plan) if plan.output is GIF else WebpEncoder(temp_path, plan)
        case OutputKind.VIDEO:
            return Encoder(temp_path, plan, streams)
