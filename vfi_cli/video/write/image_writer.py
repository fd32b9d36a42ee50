"""Writes frames to a folder of image files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange

from vfi_cli.cpus import available_cpus
from vfi_cli.errors import OutputError, UsageError
from vfi_cli.video.av_frame import to_av_frame
from vfi_cli.video.image.exr import to_linear
from vfi_cli.video.image.image_file import read_image
from vfi_cli.video.types import VideoFrame
from vfi_cli.video.write.codecs import encoder_pix_fmt
from vfi_cli.video.write.encode_plan import EncodePlan
from vfi_cli.video.write.writer import AbortableWriter

FIRST_NUMBER = 1


class ImageWriter(AbortableWriter):
    """Writes each frame to its own file in the folder `temp_path`, with the name and number that `plan.target` gives.

    Raises:
        UsageError: the encoder does not have an option of the plan.
        OutputError: the encoder refuses the plan, such as the value of an option.
    """

    def __init__(self, temp_path: Path, plan: EncodePlan) -> None:
        self.plan = plan
        self.frames = 0
        self._temp_path = temp_path
        self._saved = self._bytes = 0
        self._encoder = _open_encoder(plan)
        self._pix_fmt = self._encoder.pix_fmt or plan.format.pix_fmt

    def write(self, frame: VideoFrame) -> None:
        """Append a frame of the planned format. Its time is not written."""
        av_frame = _to_linear(frame) if self.plan.codec == "exr" else to_av_frame(frame, self._pix_fmt)
        av_frame.pts, av_frame.time_base = self.frames, self.plan.time_base
        av_frame.color_primaries, av_frame.color_trc = self.plan.color.primaries, self.plan.color.transfer
        self._encode(av_frame)
        self.frames += 1

    def _encode(self, av_frame: av.VideoFrame | None) -> None:
        """Encode a frame and save the files that are complete; None: all remaining files."""
        try:
            for packet in self._encoder.encode(av_frame):  # each packet is a whole file
                path = self._temp_path / (self.plan.target.name % (FIRST_NUMBER + self._saved))
                self._bytes += path.write_bytes(bytes(packet))
                self._saved += 1
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"cannot be written: {error.strerror}", path=self.plan.target) from error

    def close(self) -> None:
        """Write the remaining files."""
        self._encode(None)

    def abort(self) -> None:
        """Flush the encoder, and write nothing more."""
        with suppress(av.FFmpegError):
            self._encoder.encode(None)

    def verify(self) -> None:
        """Count the files and their bytes; decode the first and the last. Raises OutputError if anything is missing."""
        plan = self.plan
        files = sorted(self._temp_path.iterdir())
        size = sum(file.stat().st_size for file in files)
        ends = [read_image(file) for file in (*files[:1], *files[-1:])]
        good = all(end is not None and (end.frame.width, end.frame.height) == (plan.width, plan.height) for end in ends)
        if not good or (len(files), size) != (self.frames, self._bytes):
            raise OutputError(
                f"is not what was written: {len(files)} of {self.frames} images, {size} of {self._bytes} bytes",
                path=plan.target,
            )


def _open_encoder(plan: EncodePlan) -> av.VideoCodecContext:
    encoder = av.CodecContext.create(plan.codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    pix_fmt = encoder_pix_fmt(encoder.codec, plan.format.pix_fmt)
    assert pix_fmt is not None
    encoder.width, encoder.height, encoder.pix_fmt = plan.width, plan.height, pix_fmt
    encoder.time_base, encoder.sample_aspect_ratio = plan.time_base, plan.sar
    full = plan.format.kind == "rgb" or plan.color.full_range
    encoder.color_range = ColorRange.JPEG if full else ColorRange.MPEG
    encoder.color_primaries, encoder.color_trc = plan.color.primaries, plan.color.transfer
    encoder.thread_count = available_cpus()
    encoder.options = dict(plan.options)
    try:
        encoder.open()
    except (av.FFmpegError, ValueError, OSError) as error:
        raise OutputError(
            f"{plan.codec} refuses {plan.width}x{plan.height} {pix_fmt}",
            path=plan.target,
            remedy="check the encoder options",
        ) from error
    if encoder.options:
        raise UsageError(f"{plan.codec} has no option {', '.join(encoder.options)}", remedy="check -e key=value")
    return encoder


def _to_linear(frame: VideoFrame) -> av.VideoFrame:
    """A frame of sRGB codes as linear float values, see `exr`."""
    av_frame = av.VideoFrame(frame.width, frame.height, "gbrapf32le" if frame.format.alpha else "gbrpf32le")
    for index, (codes, plane) in enumerate(zip(frame.planes, av_frame.planes, strict=True)):
        values = codes.astype(np.float32) / np.float32(frame.format.peak)
        rows = np.frombuffer(memoryview(plane), np.float32).reshape(plane.height, -1)
        rows[:, : plane.width] = values if index == 3 else to_linear(values)
    return av_frame
