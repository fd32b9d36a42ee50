"""Reads animated WebP. FFmpeg decodes its pictures, but does not know the animation.

A file is made of chunks. A chunk is a name, a size and so many bytes, padded to an even number. The chunk ANMF holds
the place, the time and the picture of a frame. See https://developers.google.com/speed/webp/docs/riff_container.
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
from vfi_cli.video.image.image_file import decode_picture
from vfi_cli.video.limits import check_size
from vfi_cli.video.properties.pixels import nearest_format, read_color
from vfi_cli.video.read.decode import Decoder
from vfi_cli.video.read.reader import Stamped
from vfi_cli.video.read.retime import at_rate, retimed
from vfi_cli.video.timestamps.frame_rate import is_steady, snap_rate

TICK = Fraction(1, 1000)
MAX_SPAN = 2**24 - 1
"""The most ticks that a frame can last."""

_DEFAULT_SPAN = 100  # ms: browsers show a frame so long if it states no time
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_ALPHA = 0x10  # flag of VP8X


@dataclass(frozen=True, slots=True)
class WebpFrame:
    """A frame of an animation.

    Args:
        offset, size: place of its picture in the file, in bytes.
        x, y, width, height: its place on the canvas, in pixels.
        span: how long it is shown, in milliseconds.
        blend: it is blended over the canvas; else it replaces that part of the canvas.
        clear: its place becomes transparent after it is shown.
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
        """The byte position of `span` in the file; it has 3 bytes."""
        return self.offset - 4


@dataclass(frozen=True, slots=True)
class WebpAnimation:
    """The headers of a file. `complete`: its end is not missing. `alpha`: the canvas may be transparent."""

    width: int
    height: int
    frames: tuple[WebpFrame, ...]
    alpha: bool
    complete: bool

    @classmethod
    def read(cls, file: BinaryIO) -> WebpAnimation | None:
        """The headers of an open file; None if it is no animation, or if it is damaged before its first frame."""
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
    """The complete frames in the file."""
    at = 12
    while at + 8 <= end:
        file.seek(at)
        chunk = file.read(24)
        size = _number(chunk[4:8])
        if chunk[:4] == b"ANMF" and len(chunk) == 24 and at + 8 + size <= end:
            x, y, width, height, span = (_number(chunk[begin : begin + 3]) for begin in range(8, 23, 3))
            flags = chunk[23]
            yield WebpFrame(
                offset=at + 24,
                size=size - 16,
                x=2 * x,
                y=2 * y,
                width=width + 1,
                height=height + 1,
                span=span,
                blend=not flags & 2,
                clear=bool(flags & 1),
            )
        at += 8 + size + size % 2


class WebpFile:
    """An animated WebP file as a clip. A `sources.Source`.

    rate: frames per second, used instead of the delays in the file.
    """

    def __init__(self, path: Path, rate: Fraction | None = None) -> None:
        self.path = self.beside = path
        self._rate = rate

    def probe(self) -> ClipInfo:
        """See `probe.probe`."""
        info = self._examined()
        return info if self._rate is None else at_rate(info, self._rate)

    def _examined(self) -> ClipInfo:
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
        """See `decode.decode`. A frame builds on the frames before it, so reading always begins at the first."""
        return Decoder(info, _WebpReader(info), start, stop)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error


class _WebpReader:
    """Reads one frame after another, and draws it on the canvas. A `reader.Reader`."""

    def __init__(self, info: ClipInfo) -> None:
        self.damaged = self.count = self.unstamped = 0
        self.notes: list[str] = []
        self._info = info
        self._file = _opened(info.path)

    def pictures(self) -> Iterator[Stamped]:
        info = self._info
        animation = WebpAnimation.read(self._file)
        if animation is None or (animation.width, animation.height) != (info.width, info.height):
            raise InputError("the file has changed since it was probed", path=info.path)
        canvas = np.zeros((info.height, info.width, 4), np.uint8)
        time = 0
        for frame in animation.frames:
            place = canvas[frame.y : frame.y + frame.height, frame.x : frame.x + frame.width]
            picture = self._picture(frame)
            if picture is None or picture.shape != place.shape:
                self.damaged += 1
            else:
                _lay(place, picture, blend=frame.blend)
                codes = canvas if animation.alpha else canvas[..., :3]
                shown = av.VideoFrame.from_ndarray(np.ascontiguousarray(codes), info.pix_fmt)
                shown.duration = frame.span or _DEFAULT_SPAN
                self.count += 1
                yield shown, retimed(shown, self.count - 1, info) if info.retimed else time
            time += frame.span or _DEFAULT_SPAN
            if frame.clear:
                place[:] = 0
        if not animation.complete:
            self.damaged += 1
            self.notes.append("the animation ends early: the file is incomplete")

    def _picture(self, frame: WebpFrame) -> NDArray[np.uint8] | None:
        """(H, W, 4) RGBA; None if it cannot be decoded."""
        self._file.seek(frame.offset)
        picture = decode_picture(_still(frame, self._file.read(frame.size)), "webp", self._info.path)
        if picture is None:
            return None
        rgba: NDArray[np.uint8] = picture.reformat(  # type: ignore[assignment]  # of this format
            format="rgba",
            interpolation=_EXACT,
            src_colorspace=None if picture.format.is_rgb else Colorspace.ITU601,
            src_color_range=ColorRange.JPEG if picture.format.is_rgb else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
        ).to_ndarray()
        return rgba

    def interrupt(self) -> None:
        pass  # reading a file never blocks

    def close(self) -> None:
        self._file.close()


def _still(frame: WebpFrame, data: bytes) -> bytes:
    """The picture of a frame as a separate file."""
    if data[:4] == b"ALPH":
        size = b"".join((side - 1).to_bytes(3, "little") for side in (frame.width, frame.height))
        data = b"VP8X" + (10).to_bytes(4, "little") + bytes([_ALPHA, 0, 0, 0]) + size + data
    return b"RIFF" + (4 + len(data)).to_bytes(4, "little") + b"WEBP" + data


def _lay(place: NDArray[np.uint8], picture: NDArray[np.uint8], *, blend: bool) -> None:
    """Put `picture`, (H, W, 4) RGBA that is not premultiplied, on or over what is at `place`."""
    seen = picture[..., 3]
    if not blend or seen.min() == 255:
        place[:] = picture
        return
    place[seen == 255] = picture[seen == 255]
    partly = (seen > 0) & (seen < 255)
    above, below = picture[partly].astype(np.uint32), place[partly].astype(np.uint32)
    top, bottom = 255 * above[:, 3:], below[:, 3:] * (255 - above[:, 3:])  # opacities, times 255
    total = top + bottom
    mixed = np.concatenate(
        [(above[:, :3] * top + below[:, :3] * bottom + total // 2) // total, (total + 127) // 255], 1
    )
    place[partly] = mixed.astype(np.uint8)
