"""Reads animated WebP. FFmpeg decodes the images of the frames, but cannot read the animation.

A WebP file is a list of chunks. A chunk has a name, a size and `size` bytes of data, padded to an even number of bytes.
Each ANMF chunk holds a frame: its region on the canvas, its duration and its image.
See https://developers.google.com/speed/webp/docs/riff_container.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.video.format import VideoFormat
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from vfi_cli.errors import InputError
from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.image.image_file import decode_image
from vfi_cli.video.limits import check_size
from vfi_cli.video.properties.pixels import nearest_format, read_color
from vfi_cli.video.read.decode import Decoder
from vfi_cli.video.read.reader import StampedFrame
from vfi_cli.video.read.retime import at_rate, retimed
from vfi_cli.video.timestamps.frame_rate import is_steady, snap_rate

TICK = Fraction(1, 1000)
MAX_SPAN = 2**24 - 1
"""The longest duration of a frame, in ticks."""

_DEFAULT_SPAN = 100  # ms: how long browsers show a frame that states no duration
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_ALPHA = 0x10  # flag in the VP8X chunk


@dataclass(frozen=True, slots=True)
class WebpFrame:
    """A frame of an animation.

    Args:
        offset: position of the image in the file, in bytes.
        size: size of the image, in bytes.
        x, y, width, height: rectangle on the canvas, in pixels.
        span: how long the frame is shown, in milliseconds.
        blend: the image is blended over the canvas; if False, it replaces the rectangle.
        clear: the rectangle becomes transparent after the frame is shown.
    """

    offset: int
    size: int
    x: int
    y: int
    width: int
    height: int
    span: int
    blend: bool
    clear: bool

    @property
    def span_offset(self) -> int:
        """The position of the 3 bytes of `span` in the file."""
        return self.offset - 4


@dataclass(frozen=True, slots=True)
class WebpAnimation:
    """The headers of an animation.

    Args:
        width, height: size of the canvas, in pixels.
        alpha: the canvas may be transparent.
        complete: the file does not end early.
    """

    width: int
    height: int
    frames: tuple[WebpFrame, ...]
    alpha: bool
    complete: bool

    @classmethod
    def read(cls, file: BinaryIO) -> WebpAnimation | None:
        """The headers of an open file; None if the file is no animation or has no complete frame."""
        length = file.seek(0, 2)
        file.seek(0)
        head = file.read(30)
        if len(head) < 30 or head[:4] != b"RIFF" or head[8:16] != b"WEBPVP8X":
            return None
        end = 8 + _number(head[4:8])
        width, height = 1 + _number(head[24:27]), 1 + _number(head[27:30])
        frames = tuple(_frames(file, min(end, length)))
        covered = bool(frames) and (frames[0].width, frames[0].height) == (width, height)
        alpha = bool(head[20] & _ALPHA) or not covered or any(frame.clear for frame in frames)
        return cls(width, height, frames, alpha, end <= length) if frames else None


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _frames(file: BinaryIO, end: int) -> Iterator[WebpFrame]:
    """The complete frames before the byte position `end`."""
    position = 12
    while position + 8 <= end:
        file.seek(position)
        chunk = file.read(24)
        size = _number(chunk[4:8])
        if chunk[:4] == b"ANMF" and len(chunk) == 24 and position + 8 + size <= end:
            x, y, width, height, span = (_number(chunk[begin : begin + 3]) for begin in range(8, 23, 3))
            flags = chunk[23]
            yield WebpFrame(
                offset=position + 24,
                size=size - 16,
                x=2 * x,
                y=2 * y,
                width=width + 1,
                height=height + 1,
                span=span,
                blend=not flags & 2,
                clear=bool(flags & 1),
            )
        position += 8 + size + size % 2


class WebpFile:
    """An animated WebP file as a clip. Implements `sources.Source`.

    Args:
        rate: frames per second, used instead of the durations in the file.
    """

    def __init__(self, path: Path, rate: Fraction | None = None) -> None:
        self.path = self.beside = path
        self._rate = rate

    def probe(self) -> ClipInfo:
        """See `probe.probe`."""
        info = self._read_info()
        return info if self._rate is None else at_rate(info, self._rate)

    def _read_info(self) -> ClipInfo:
        with _opened(self.path) as file:
            animation = WebpAnimation.read(file)
        if animation is None:
            raise InputError("the animation has no complete frame", path=self.path, remedy="is the file complete?")
        check_size(animation.width, animation.height, self.path)
        spans = [frame.span or _DEFAULT_SPAN for frame in animation.frames]
        times = [time * TICK for time in accumulate(spans[:-1], initial=0)]
        rate = len(spans) / (sum(spans) * TICK)
        if len(times) > 1:
            rate = (len(times) - 1) / times[-1]
        stored = VideoFormat("rgba" if animation.alpha else "rgb24")
        steady = is_steady(times, rate, TICK)
        return ClipInfo(
            path=self.path,
            container="webp",
            index=0,
            codec="webp",
            width=animation.width,
            height=animation.height,
            pix_fmt=stored.name,
            format=nearest_format(stored),
            color=read_color(av.VideoFrame(animation.width, animation.height, stored.name), stored, [], self.path),
            average_rate=snap_rate(rate) if steady else rate,
            time_base=TICK,
            start=Fraction(0),
            origin=Fraction(0),
            duration=sum(spans) * TICK,
            declared=False,
            frame_count=len(spans),
            vfr=not steady if len(spans) > 1 else None,
        )

    def decode(self, info: ClipInfo, start: Fraction | None = None, stop: Fraction | None = None) -> Decoder:
        """See `decode.decode`. Reading always begins at the first frame, because later frames are drawn over it."""
        return Decoder(info, _WebpReader(info), start, stop)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error


class _WebpReader:
    """Draws one frame after another on the canvas. Implements `reader.Reader`."""

    def __init__(self, info: ClipInfo) -> None:
        self.damaged = self.count = self.unstamped = 0
        self.notes: list[str] = []
        self._info = info
        self._file = _opened(info.path)

    def frames(self) -> Iterator[StampedFrame]:
        info = self._info
        animation = WebpAnimation.read(self._file)
        if animation is None or (animation.width, animation.height) != (info.width, info.height):
            raise InputError("the file has changed since it was probed", path=info.path)
        canvas = np.zeros((info.height, info.width, 4), np.uint8)
        time = 0
        for frame in animation.frames:
            region = canvas[frame.y : frame.y + frame.height, frame.x : frame.x + frame.width]
            image = self._decode(frame)
            if image is None or image.shape != region.shape:
                self.damaged += 1
            else:
                _composite(region, image, blend=frame.blend)
                pixels = canvas if animation.alpha else canvas[..., :3]
                shown = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), info.pix_fmt)
                shown.duration = frame.span or _DEFAULT_SPAN
                self.count += 1
                yield shown, retimed(shown, self.count - 1, info) if info.retimed else time
            time += frame.span or _DEFAULT_SPAN
            if frame.clear:
                region[:] = 0
        if not animation.complete:
            self.damaged += 1
            self.notes.append("the animation ends early: the file is incomplete")

    def _decode(self, frame: WebpFrame) -> NDArray[np.uint8] | None:
        """The image of the frame, (H, W, 4) RGBA; None if it cannot be decoded."""
        self._file.seek(frame.offset)
        image = decode_image(_as_webp_file(frame, self._file.read(frame.size)), "webp", self._info.path)
        if image is None:
            return None
        rgba: NDArray[np.uint8] = image.reformat(  # type: ignore[assignment]  # rgba has 8 bits
            format="rgba",
            interpolation=_EXACT,
            src_colorspace=None if image.format.is_rgb else Colorspace.ITU601,
            src_color_range=ColorRange.JPEG if image.format.is_rgb else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
        ).to_ndarray()
        return rgba

    def interrupt(self) -> None:
        pass  # reading a file does not block

    def close(self) -> None:
        self._file.close()


def _as_webp_file(frame: WebpFrame, data: bytes) -> bytes:
    """The image of a frame as the bytes of a WebP file of its own."""
    if data[:4] == b"ALPH":
        size = b"".join((side - 1).to_bytes(3, "little") for side in (frame.width, frame.height))
        data = b"VP8X" + (10).to_bytes(4, "little") + bytes([_ALPHA, 0, 0, 0]) + size + data
    return b"RIFF" + (4 + len(data)).to_bytes(4, "little") + b"WEBP" + data


def _composite(region: NDArray[np.uint8], image: NDArray[np.uint8], *, blend: bool) -> None:
    """Replace `region` by `image`, or blend `image` over it. Both are (H, W, 4) RGBA, not premultiplied."""
    opacity = image[..., 3]
    if not blend or opacity.min() == 255:
        region[:] = image
        return
    region[opacity == 255] = image[opacity == 255]
    partly = (opacity > 0) & (opacity < 255)
    above, below = image[partly].astype(np.uint32), region[partly].astype(np.uint32)
    top, bottom = 255 * above[:, 3:], below[:, 3:] * (255 - above[:, 3:])  # opacities, times 255
    total = top + bottom
    mixed = np.concatenate(
        [(above[:, :3] * top + below[:, :3] * bottom + total // 2) // total, (total + 127) // 255], 1
    )
    region[partly] = mixed.astype(np.uint8)
