"""Source frames and a schedule become output frames: some are copied, the others made by an interpolator."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import groupby

import torch
from torch import Tensor

from vfi_cli.engine.frames import is_finite
from vfi_cli.engine.interpolator import Interpolator, Prepared
from vfi_cli.errors import ModelError
from vfi_cli.jobs.interp.convert import to_planes, to_rgb
from vfi_cli.jobs.interp.duplicates import Repeat
from vfi_cli.jobs.interp.frame_times import Clock
from vfi_cli.jobs.interp.overlays import Mask, StaticOverlays
from vfi_cli.jobs.interp.plan import CutMode
from vfi_cli.scene import SceneDetector
from vfi_cli.timing.timeline import Action, Between, Hold, Schedule, Slot, across
from vfi_cli.video.types import ColorSpec, Plane, PlaneFormat, VideoFrame

log = logging.getLogger(__name__)

# Frames asked for in one call share the flow but hold their pictures at once: this bounds the memory.
MAX_TIMES_PER_CALL = 8


@dataclass(slots=True)
class Tally:
    """Frames read, repeats among them, pauses before them, what became of the slots, and seconds.

    `copied` counts held ones too, `kept` those, copied or generated, that an earlier run has finished.
    """

    read: int = 0
    replaced: int = 0
    pauses: int = 0
    copied: int = 0
    generated: int = 0
    kept: int = 0
    cuts: int = 0
    duration_in: Fraction = Fraction(0)
    duration_out: Fraction = Fraction(0)

    @property
    def written(self) -> int:
        return self.copied + self.generated


class FrameRenderer:
    """Makes the frames of a clip in the order they are shown.

    Args:
        interpolator: makes the frames between.
        format: of the frames to make; that of the source, unless the encoder wants another.
        detector: tells cuts; None takes every pair for continuous.
        cut_mode: what stands in for a frame between two scenes: the `nearest` one, a `hold` of the left one,
            or a `blend` of both.
        mask: what stays put, in the frames that are made, whatever moves there.
        color: of the frames to make; None: that of the source.
        done: whether an output frame, counted from 0, exists already, from an earlier run of the job.
    """

    def __init__(
        self,
        interpolator: Interpolator,
        format: PlaneFormat,
        detector: SceneDetector | None = None,
        cut_mode: CutMode = "nearest",
        mask: Mask | None = None,
        color: ColorSpec | None = None,
        done: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._interpolator = interpolator
        self._format, self._color = format, color
        self._detector = detector
        self._cut_mode = cut_mode
        self._is_done = done
        self._stills = StaticOverlays(mask)
        self.tally = Tally()

    def render(
        self, frames: Iterable[VideoFrame | Repeat], schedule: Schedule, clock: Clock
    ) -> Iterator[VideoFrame | Slot]:
        """The output frames; those at the time of a repeat lie between the pictures around it. Of a frame that is
        done, only its slot.

        Raises ModelError if the model makes a frame that is not finite.
        """
        pictures: deque[_SourceFrame] = deque()  # the picture on screen, and the ones after it
        slots: list[Slot] = []  # from the picture on screen on
        shown = Fraction(0)
        begin: Fraction | None = None  # when the newest picture starts to change
        for index, (frame, moment) in enumerate(clock.place(frames)):
            self.tally.read += 1
            self.tally.duration_in += frame.duration
            still = Fraction(0)
            if moment.change is not None:
                self.tally.pauses += 1
                begin = moment.time - moment.change
                still = max(still, moment.shown - moment.change - shown)
            slots += schedule.feed(moment.shown, still)
            shown = moment.shown
            if isinstance(frame, Repeat):
                self.tally.replaced += 1
            else:
                picture = _SourceFrame(index, moment.time, frame, self._interpolator, self._format, self._color)
                pictures.append(picture)
                picture.begin, begin = begin, None
            while len(pictures) > 1 and pictures[1].time <= shown:
                slots = yield from self._pass(pictures, slots)
        if pictures:
            slots += schedule.finish(clock.end - shown)
        while len(pictures) > 1:
            slots = yield from self._pass(pictures, slots)
        for last in pictures:
            held = [Slot(slot.pts, slot.duration, Hold(last.index)) for slot in slots]
            yield from self._fill(held, last, last)

    def _pass(self, pictures: deque[_SourceFrame], slots: list[Slot]) -> Generator[VideoFrame | Slot, None, list[Slot]]:
        """Fill the `slots` between the first two pictures, and drop the first picture. Returns the other slots."""
        left = pictures.popleft()
        right = pictures[0]
        self._stills.observe(left.frame, right.frame)
        between = [slot for slot in slots if slot.pts <= right.time]
        begin = left.time if right.begin is None else max(left.time, right.begin)
        yield from self._fill(across(between, left.index, begin, right.index, right.time), left, right)
        return slots[len(between) :]

    def _fill(self, slots: Sequence[Slot], left: _SourceFrame, right: _SourceFrame) -> Iterator[VideoFrame | Slot]:
        self.tally.duration_out += sum(slot.duration for slot in slots)
        for between, group in groupby(slots, key=lambda slot: isinstance(slot.action, Between)):
            run = list(group)
            if not between:
                for slot in run:
                    yield self._copy(left if _index(slot.action) == left.index else right, slot)
            elif self._is_cut(left, right):
                yield from self._bridge(run, left, right)
            else:
                yield from self._generate(run, left, right)

    def _is_cut(self, left: _SourceFrame, right: _SourceFrame) -> bool:
        if self._detector is None:
            return False
        score = self._detector.score(left.frame.luma, right.frame.luma)
        cut = score > self._detector.threshold
        log.debug("frames %d-%d: scene score %.3f%s", left.index, right.index, score, ", a cut" if cut else "")
        self.tally.cuts += cut
        return cut

    def _bridge(self, slots: Sequence[Slot], left: _SourceFrame, right: _SourceFrame) -> Iterator[VideoFrame | Slot]:
        """Fill the slots between two scenes."""
        for slot in slots:
            t = _t(slot)
            if self._cut_mode == "blend":
                done = self._next_is_done()
                self.tally.generated += 1
                yield slot if done else self._paint(torch.lerp(left.rgb, right.rgb, float(t)), left, right, slot)
            else:
                yield self._copy(right if self._cut_mode == "nearest" and t >= Fraction(1, 2) else left, slot)

    def _generate(self, slots: Sequence[Slot], left: _SourceFrame, right: _SourceFrame) -> Iterator[VideoFrame | Slot]:
        for begin in range(0, len(slots), MAX_TIMES_PER_CALL):
            chunk = slots[begin : begin + MAX_TIMES_PER_CALL]
            first = self.tally.written
            missing = [slot for number, slot in enumerate(chunk, first) if not self._is_done(number)]
            images = iter(self._between(left, right, missing))
            for slot in chunk:
                if self._next_is_done():
                    self.tally.generated += 1
                    yield slot
                    continue
                rgb = next(images)
                if not is_finite(rgb):
                    raise ModelError(
                        f"the model made a broken frame at {float(slot.pts):.3f} s",
                        remedy="try --precision fp32",
                    )
                self.tally.generated += 1
                yield self._paint(rgb, left, right, slot)

    def _between(self, left: _SourceFrame, right: _SourceFrame, slots: Sequence[Slot]) -> Sequence[Tensor]:
        if not slots:
            return ()
        return self._interpolator.between(left.prepared, right.prepared, [float(_t(slot)) for slot in slots])

    def _next_is_done(self) -> bool:
        done = self._is_done(self.tally.written)
        self.tally.kept += done
        return done

    def _copy(self, picture: _SourceFrame, slot: Slot) -> VideoFrame | Slot:
        done = self._next_is_done()
        self.tally.copied += 1
        if done:
            return slot
        return VideoFrame(picture.planes, self._format, picture.color, slot.pts, slot.duration)

    def _paint(self, rgb: Tensor, left: _SourceFrame, right: _SourceFrame, slot: Slot) -> VideoFrame:
        """(3 or 4, H, W) RGB, with or without alpha -> the frame of `slot`, in the colours of `left`."""
        color = left.color
        made = VideoFrame(to_planes(rgb, self._format, color), self._format, color, slot.pts, slot.duration)
        self._stills.restore(made, left.planes, right.planes, _t(slot))
        return made


class _SourceFrame:
    """A source frame in the forms it is needed in, each made once and only if asked for."""

    def __init__(
        self,
        index: int,
        time: Fraction,
        frame: VideoFrame,
        interpolator: Interpolator,
        format: PlaneFormat,
        color: ColorSpec | None,
    ) -> None:
        self.index = index
        self.time = time
        self.begin: Fraction | None = None  # when the change from the previous picture begins
        self.frame = frame
        self.color = color or frame.color
        self._interpolator = interpolator
        self._format = format

    @cached_property
    def rgb(self) -> Tensor:
        """(3, H, W), or with alpha (4, H, W), see `convert.to_rgb`; on the device."""
        return to_rgb(self.frame, self._interpolator.runtime.device, alpha=self._format.alpha)

    @cached_property
    def planes(self) -> tuple[Plane, ...]:
        """In the format and colours of the output."""
        if (self.frame.format, self.frame.color) == (
            self._format,
            self.color,
        ):  # the way to RGB and back is the identity, see ops.color
            return self.frame.planes
        return to_planes(self.rgb, self._format, self.color)

    @cached_property
    def prepared(self) -> Prepared:
        return self._interpolator.prepare(self.rgb)


def _index(action: Action) -> int:
    assert not isinstance(action, Between)
    return action.index


def _t(slot: Slot) -> Fraction:
    assert isinstance(slot.action, Between)
    return slot.action.t
