"""A clip as a stream of planar frames with exact, strictly increasing times.

Reader --> _timed       (a clock that never stands still or runs back)
       --> as_whole     (if an option says how to read fields)
       --> _trimmed     (durations, start and stop)
       --> VideoFrame
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from fractions import Fraction
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from vfi_cli.errors import FieldsError, InputError, UsageError, VfiError
from vfi_cli.video.clip import ClipInfo
from vfi_cli.video.container.parts import unread_notes
from vfi_cli.video.container.truncation import is_truncated
from vfi_cli.video.demux.open_input import open_whole
from vfi_cli.video.properties.pixels import nearest_format
from vfi_cli.video.read.deinterlace import Timed, as_whole
from vfi_cli.video.read.reader import Reader, StreamReader
from vfi_cli.video.types import ColorSpec, Matrix, Plane, PlaneFormat, VideoFrame

# swscale's own numbers: its names for the matrices are not those of H.273.
_SWSCALE: dict[Matrix, int] = {
    "bt601": Colorspace.ITU601,
    "bt709": Colorspace.ITU709,
    "bt2020": Colorspace.BT2020,
}
_STANDS = 4  # frames; with so many equal times the clock stands still
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


def decode(info: ClipInfo, start: Fraction | None = None, stop: Fraction | None = None) -> Decoder:
    """The frames of the file with start <= time < stop, both in seconds after its first frame.

    Raises InputError if the file cannot be read, FieldsError if it is interlaced.
    """
    refuse_interlaced(info, start, stop)
    reader = StreamReader(info, open_whole(info.path, info.reach), info.start + start if start else None)
    return Decoder(info, reader, start, stop)


def refuse_interlaced(info: ClipInfo, start: Fraction | None = None, stop: Fraction | None = None) -> None:
    """Raises FieldsError if the part from `start` to `stop` has fields, and no option says how to read them."""
    if info.takes_fields:
        return
    if info.interlaced:
        raise FieldsError("interlaced video needs an option", path=info.path)
    place = info.fields_at
    if place is not None and (start or 0) <= place and (stop is None or place < stop):
        raise FieldsError(f"the picture changes to interlaced before {float(place):.1f} s", path=info.path)


class Decoder:
    """Iterates over the frames that `reader` finds, once. Close it, or use it as a context manager.

    Attributes:
        damaged: frames so far that are lost, or were decoded from damaged data.
        notes: one sentence each for what had to be repaired; complete after the last frame.

    Raises while iterating:
        InputError: no frame can be decoded, or the picture changes size or format, or becomes interlaced.
        UsageError: no frame lies in the wanted part.
    """

    def __init__(
        self, info: ClipInfo, reader: Reader, start: Fraction | None = None, stop: Fraction | None = None
    ) -> None:
        self._info = info
        self._reader = reader
        self._start = info.start + start if start else None
        self._stop = info.start + stop if stop is not None else None
        self._lost = 0  # what the reader does not know of
        self._notes: list[str] = []
        self._frames = self._trimmed()

    @property
    def damaged(self) -> int:
        return self._reader.damaged + self._lost

    @property
    def notes(self) -> list[str]:
        return [*self._reader.notes, *self._notes]

    def __iter__(self) -> Iterator[VideoFrame]:
        return self._frames

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def interrupt(self) -> None:
        """Let a thread that waits for the next frame go: it finds the end of the clip. A file never lets it wait."""
        self._reader.interrupt()

    def close(self) -> None:
        """Stop decoding and release the source."""
        self._frames.close()
        self._reader.close()

    def _timed(self) -> Iterator[Timed]:
        """Times that strictly increase: missing ones are counted on, a single bad one costs its frame, and a
        clock that jumps back for good (joined recordings) is carried on from where it was."""
        info = self._info
        last: Fraction | None = None
        upcoming = info.start  # when the last frame ends
        shift = Fraction(0)  # from the clock of the file to ours
        waiting: list[Timed] = []
        left_out = jumps = 0
        for frame, ticks in self._reader.pictures():
            span = (frame.duration or 0) * info.time_base or 1 / info.average_rate
            time = ticks * info.time_base if ticks is not None else upcoming - shift
            waiting.append((frame, time, span))
            if last is None or time + shift > last:
                left_out += len(waiting) - 1
                waiting = waiting[-1:]
            elif not jumps and (len(waiting) == 1 or _equal(waiting, last - shift)):
                continue  # a bad timestamp, a few equal ones, or a jump? The next frame tells.
            for frame, time, span in waiting:
                if last is not None and time + shift <= last:
                    shift = upcoming - time
                    jumps += 1
                last = time + shift
                upcoming = last + span
                yield frame, last, span
            waiting.clear()
        left_out += len(waiting)
        if self._reader.unstamped:
            self._notes.append(
                f"{self._reader.unstamped} frames have no timestamp; they were counted on at the stated rate"
            )
        if jumps:
            self._notes.append("timestamps run backwards; the picture was carried on from where it was")
        self._lost += left_out
        if left_out:
            self._notes.append(f"{left_out} frames with a repeated or earlier timestamp were left out")

    def _trimmed(self) -> Generator[VideoFrame, None, None]:
        info = self._info
        held: av.VideoFrame | None = None
        pts = end = Fraction(0)
        begun = False
        timed = self._timed()
        for frame, time, span in as_whole(timed, info) if info.takes_fields else timed:
            if self._start is not None and time < self._start:
                self._reader.damaged = self._lost = 0  # nobody sees these
                continue
            if held is not None:
                yield self._frame(held, pts, (time if self._stop is None else min(time, self._stop)) - pts)
                held = None
            if self._stop is not None and time >= self._stop:
                if not begun:
                    raise self._nothing()
                return
            held, pts, end = frame, time, time + span
            begun = True
        if held is None:
            raise self._nothing()
        yield self._frame(held, pts, self._settled(end) - pts)

    def _nothing(self) -> VfiError:
        info = self._info
        if not self._reader.count:
            return InputError("no frame can be decoded", path=info.path, remedy="is the file damaged?")
        first = float(self._start - info.start) if self._start is not None else 0.0
        last = f"{float(self._stop - info.start):.3f} s" if self._stop is not None else "the end"
        return UsageError(
            f"no frame lies between {first:.3f} s and {last}", path=info.path, remedy="check --ss and --to"
        )

    def _settled(self, end: Fraction) -> Fraction:
        """The end of the clip, given that its last frame says `end`; counts what is missing."""
        info = self._info
        if self._stop is None or end < self._stop:
            self._lost += len(info.unread)
            self._notes += unread_notes(info.unread)
        stated = info.start + info.duration if info.declared else end
        if self._stop is not None:
            end, stated = min(end, self._stop), min(stated, self._stop)
        missing = round((stated - end) * info.average_rate)
        if missing <= 2:  # MP4 tells the duration of the last frame by that of the clip
            return max(end, stated)
        if is_truncated(info.path, info.container) is False:
            self._notes.append(f"the last frame is shown for {float(stated - end):.2f} s more, as the file states it")
            return stated
        self._lost += missing
        self._notes.append(f"the video ends {float(stated - end):.2f} s early: the file is incomplete")
        return end

    def _frame(self, frame: av.VideoFrame, pts: Fraction, duration: Fraction) -> VideoFrame:
        info = self._info
        frame, dtype = converted(frame, info.format, info.color, info.color), info.format.dtype
        planes = tuple(as_array(plane, dtype) for plane in frame.planes)
        return VideoFrame(planes, info.format, info.color, pts, duration)


def _equal(waiting: Sequence[Timed], time: Fraction) -> bool:
    """Whether all these frames have this `time`, and are too few for a clock that stands still."""
    return len(waiting) < _STANDS and all(at == time for _, at, _ in waiting)


def converted(frame: av.VideoFrame, format: PlaneFormat, own: ColorSpec, color: ColorSpec) -> av.VideoFrame:
    """Convert the frame from the colours `own` to a format with the colours `color`. If only the order of bytes and
    planes differs, codes do not change."""
    same_range = format.kind == "rgb" or own.full_range == color.full_range
    if frame.format.name.replace("yuvj", "yuv") == format.pix_fmt and same_range:
        return frame
    rgb = nearest_format(frame.format).kind == "rgb"
    return frame.reformat(  # an untagged frame would be taken for BT.601, so both ends are always spelled out
        format=format.pix_fmt,
        interpolation=_EXACT,
        src_colorspace=None if rgb else _SWSCALE[own.matrix],
        dst_colorspace=_SWSCALE[color.matrix],
        src_color_range=ColorRange.JPEG if rgb or own.full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG if format.kind == "rgb" or color.full_range else ColorRange.MPEG,
    )


def as_array(plane: VideoPlane, dtype: np.dtype[Any]) -> Plane:
    """The codes, without a copy: the array keeps the plane, and the plane its frame, in memory."""
    rows: Plane = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, plane.line_size // dtype.itemsize)
    return rows[:, : plane.width]
