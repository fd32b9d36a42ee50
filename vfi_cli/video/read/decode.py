"""Decodes a clip into planar frames with exact, strictly increasing times.

Reader --> _timed            (makes times that strictly increase)
       --> to_progressive    (if an option says how to read fields)
       --> _trimmed          (durations, start and stop)
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
from vfi_cli.video.read.deinterlace import TimedFrame, to_progressive
from vfi_cli.video.read.reader import Reader, StreamReader
from vfi_cli.video.types import ColorSpec, Matrix, Plane, PlaneFormat, VideoFrame

# Numbers of swscale, which are not the code points of H.273.
_SWSCALE: dict[Matrix, int] = {
    "bt601": Colorspace.ITU601,
    "bt709": Colorspace.ITU709,
    "bt2020": Colorspace.BT2020,
}
_MAX_EQUAL_TIMES = 4  # frames; if so many have one time, they are shifted instead of dropped
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


def decode(info: ClipInfo, start: Fraction | None = None, stop: Fraction | None = None) -> Decoder:
    """The frames with start <= time < stop, in seconds after the first frame of the file.

    Raises InputError if the file cannot be read, FieldsError if it is interlaced and no option says how to read fields.
    """
    refuse_interlaced(info, start, stop)
    reader = StreamReader(info, open_whole(info.path, info.reach), info.start + start if start else None)
    return Decoder(info, reader, start, stop)


def refuse_interlaced(info: ClipInfo, start: Fraction | None = None, stop: Fraction | None = None) -> None:
    """Raises FieldsError if the part from `start` to `stop` is interlaced and no option says how to read fields."""
    if info.takes_fields:
        return
    if info.interlaced:
        raise FieldsError("interlaced video needs an option", path=info.path)
    place = info.fields_at
    if place is not None and (start or 0) <= place and (stop is None or place < stop):
        raise FieldsError(f"the video changes to interlaced before {float(place):.1f} s", path=info.path)


class Decoder:
    """Iterates over the frames that `reader` finds, once. Close it, or use it as a context manager.

    Attributes:
        damaged: number of frames so far that are lost, or were decoded from damaged data.
        notes: one sentence for each repair; complete after the last frame.

    Raises while iterating:
        InputError: no frame can be decoded, or the size or pixel format changes.
        FieldsError: a frame is interlaced and no option says how to read fields.
        UsageError: no frame lies between `start` and `stop`.
    """

    def __init__(
        self, info: ClipInfo, reader: Reader, start: Fraction | None = None, stop: Fraction | None = None
    ) -> None:
        self._info = info
        self._reader = reader
        self._start = info.start + start if start else None
        self._stop = info.start + stop if stop is not None else None
        self._lost = 0  # frames that the reader does not count
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
        """End the clip, so that no thread waits for the next frame of a pipe. A thread never waits for a file."""
        self._reader.interrupt()

    def close(self) -> None:
        """Stop decoding and release the source."""
        self._frames.close()
        self._reader.close()

    def _timed(self) -> Iterator[TimedFrame]:
        """The frames with times that strictly increase.

        A frame without a time begins at the end of the frame before. A single frame with a bad time is dropped. If the
        timestamps jump back and stay back, as in joined recordings, later times are shifted to follow the frame before.
        """
        info = self._info
        last: Fraction | None = None
        upcoming = info.start  # end of the last frame
        offset = Fraction(0)  # added to the times of the file
        pending: list[TimedFrame] = []
        dropped = jumps = 0
        for frame, ticks in self._reader.frames():
            span = (frame.duration or 0) * info.time_base or 1 / info.average_rate
            time = ticks * info.time_base if ticks is not None else upcoming - offset
            pending.append((frame, time, span))
            if last is None or time + offset > last:
                dropped += len(pending) - 1
                pending = pending[-1:]
            elif not jumps and (len(pending) == 1 or _are_few_and_equal(pending, last - offset)):
                continue  # The next frame shows whether this is a bad timestamp, a few equal ones, or a jump.
            for frame, time, span in pending:
                if last is not None and time + offset <= last:
                    offset = upcoming - time
                    jumps += 1
                last = time + offset
                upcoming = last + span
                yield frame, last, span
            pending.clear()
        dropped += len(pending)
        if self._reader.unstamped:
            self._notes.append(
                f"{self._reader.unstamped} frames have no timestamp; their times follow from the frame rate"
            )
        if jumps:
            self._notes.append("timestamps run backwards; the times of later frames were shifted so that they increase")
        self._lost += dropped
        if dropped:
            self._notes.append(f"{dropped} frames with a repeated or earlier timestamp were left out")

    def _trimmed(self) -> Generator[VideoFrame, None, None]:
        """The frames between start and stop, each with the duration until the next one."""
        info = self._info
        held: av.VideoFrame | None = None
        pts = end = Fraction(0)
        found = False
        timed = self._timed()
        for frame, time, span in to_progressive(timed, info) if info.takes_fields else timed:
            if self._start is not None and time < self._start:
                self._reader.damaged = self._lost = 0  # damage before the start does not count
                continue
            if held is not None:
                yield self._frame(held, pts, (time if self._stop is None else min(time, self._stop)) - pts)
                held = None
            if self._stop is not None and time >= self._stop:
                if not found:
                    raise self._no_frame_error()
                return
            held, pts, end = frame, time, time + span
            found = True
        if held is None:
            raise self._no_frame_error()
        yield self._frame(held, pts, self._resolve_end(end) - pts)

    def _no_frame_error(self) -> VfiError:
        info = self._info
        if not self._reader.count:
            return InputError("no frame can be decoded", path=info.path, remedy="is the file damaged?")
        first = float(self._start - info.start) if self._start is not None else 0.0
        last = f"{float(self._stop - info.start):.3f} s" if self._stop is not None else "the end"
        return UsageError(
            f"no frame lies between {first:.3f} s and {last}", path=info.path, remedy="check --ss and --to"
        )

    def _resolve_end(self, end: Fraction) -> Fraction:
        """The end of the clip, if its last decoded frame ends at `end`. Counts the frames that are missing after it."""
        info = self._info
        if self._stop is None or end < self._stop:
            self._lost += len(info.unread)
            self._notes += unread_notes(info.unread)
        stated = info.start + info.duration if info.declared else end
        if self._stop is not None:
            end, stated = min(end, self._stop), min(stated, self._stop)
        missing = round((stated - end) * info.average_rate)
        if missing <= 2:  # in MP4, the duration of the last frame follows only from the duration of the clip
            return max(end, stated)
        if is_truncated(info.path, info.container) is False:
            self._notes.append(f"the last frame is held for {float(stated - end):.2f} s more, as the file states")
            return stated
        self._lost += missing
        self._notes.append(f"the video ends {float(stated - end):.2f} s early: the file is incomplete")
        return end

    def _frame(self, frame: av.VideoFrame, pts: Fraction, duration: Fraction) -> VideoFrame:
        info = self._info
        frame, dtype = converted(frame, info.format, info.color, info.color), info.format.dtype
        planes = tuple(as_array(plane, dtype) for plane in frame.planes)
        return VideoFrame(planes, info.format, info.color, pts, duration)


def _are_few_and_equal(pending: Sequence[TimedFrame], time: Fraction) -> bool:
    """Whether all these frames have the time `time`, and are fewer than `_MAX_EQUAL_TIMES`."""
    return len(pending) < _MAX_EQUAL_TIMES and all(at == time for _, at, _ in pending)


def converted(frame: av.VideoFrame, format: PlaneFormat, own: ColorSpec, color: ColorSpec) -> av.VideoFrame:
    """Convert `frame` from the colours `own` to `format` with the colours `color`.

    The values do not change if only the order of bytes and planes differs.
    """
    same_range = format.kind == "rgb" or own.full_range == color.full_range
    if frame.format.name.replace("yuvj", "yuv") == format.pix_fmt and same_range:
        return frame
    rgb = nearest_format(frame.format).kind == "rgb"
    return frame.reformat(  # Both matrices are always given: swscale takes an untagged frame as BT.601.
        format=format.pix_fmt,
        interpolation=_EXACT,
        src_colorspace=None if rgb else _SWSCALE[own.matrix],
        dst_colorspace=_SWSCALE[color.matrix],
        src_color_range=ColorRange.JPEG if rgb or own.full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG if format.kind == "rgb" or color.full_range else ColorRange.MPEG,
    )


def as_array(plane: VideoPlane, dtype: np.dtype[Any]) -> Plane:
    """The values of a plane, (height, width), without a copy.

    The array keeps the plane in memory, and the plane keeps its frame.
    """
    rows: Plane = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, plane.line_size // dtype.itemsize)
    return rows[:, : plane.width]
