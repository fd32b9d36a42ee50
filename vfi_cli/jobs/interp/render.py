"""Makes the output frames of a schedule: copies some source frames, and interpolates the other frames."""

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
from vfi_cli.jobs.interp.plan import SceneMode
from vfi_cli.scene import SceneDetector
from vfi_cli.timing.timeline import Action, Between, Hold, Schedule, Slot, across
from vfi_cli.video.types import ColorSpec, Plane, PlaneFormat, VideoFrame

log = logging.getLogger(__name__)

# The frames of one call share the flow, but all of them are in memory at once. This bounds the memory.
MAX_TIMES_PER_CALL = 8


@dataclass(slots=True)
class Tally:
    """Counts of what the renderer has done so far.

    Attributes:
        read: source frames, repeats included.
        replaced: repeated source frames that were replaced.
        pauses: gaps between source frames that are pauses.
        copied: output frames that are copies of source frames; held frames are included.
        generated: output frames that are not copies.
        kept: output frames, copied or generated, that an earlier run has finished.
        cuts: scene cuts with slots between their two frames.
        duration_in: seconds of source frames.
        duration_out: seconds of output frames.
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
        """All output frames."""
        return self.copied + self.generated


class FrameRenderer:
    """Makes the output frames of a clip, in presentation order.

    Args:
        interpolator: computes frames between two source frames.
        format: plane format of the output frames; that of the source, unless the encoder needs another.
        detector: finds scene cuts; None: there are none.
        scene_mode: what fills a slot between two scenes: the `nearest` frame, a `hold` of the left frame, or a `blend`
            of both.
        mask: pixels that never move in interpolated frames.
        color: colours of the output frames; None: those of the source.
        done: whether an earlier run has finished an output frame, given its number counted from 0.
    """

    def __init__(
        self,
        interpolator: Interpolator,
        format: PlaneFormat,
        detector: SceneDetector | None = None,
        scene_mode: SceneMode = "nearest",
        mask: Mask | None = None,
        color: ColorSpec | None = None,
        done: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._interpolator = interpolator
        self._format, self._color = format, color
        self._detector = detector
        self._cut_mode = scene_mode
        self._is_done = done
        self._overlays = StaticOverlays(mask)
        self.tally = Tally()

    def render(
        self, frames: Iterable[VideoFrame | Repeat], schedule: Schedule, clock: Clock
    ) -> Iterator[VideoFrame | Slot]:
        """Yield the output frames. For a frame that is `done`, yield only its slot.

        A slot at the time of a repeat is filled by interpolation between the source frames around the repeat.

        Raises ModelError if the model returns values that are not finite.
        """
        sources: deque[_SourceFrame] = deque()  # the left frame of the next pair, and the frames after it; no repeats
        slots: list[Slot] = []  # the slots that are not yet filled
        previous = Fraction(0)  # seconds; when the last frame is shown, repeats included
        begin: Fraction | None = None  # after a pause, the time when the motion to the next frame begins
        for index, (frame, moment) in enumerate(clock.place(frames)):
            self.tally.read += 1
            self.tally.duration_in += frame.duration
            hold = Fraction(0)
            if moment.change is not None:
                self.tally.pauses += 1
                begin = moment.time - moment.change
                hold = max(hold, moment.shown - moment.change - previous)
            slots += schedule.feed(moment.shown, hold)
            previous = moment.shown
            if isinstance(frame, Repeat):
                self.tally.replaced += 1
            else:
                source = _SourceFrame(index, moment.time, frame, self._interpolator, self._format, self._color)
                sources.append(source)
                source.begin, begin = begin, None
            while len(sources) > 1 and sources[1].time <= previous:
                slots = yield from self._fill_first_pair(sources, slots)
        if sources:
            slots += schedule.finish(clock.end - previous)
        while len(sources) > 1:
            slots = yield from self._fill_first_pair(sources, slots)
        for last in sources:
            held = [Slot(slot.pts, slot.duration, Hold(last.index)) for slot in slots]
            yield from self._fill(held, last, last)

    def _fill_first_pair(
        self, sources: deque[_SourceFrame], slots: list[Slot]
    ) -> Generator[VideoFrame | Slot, None, list[Slot]]:
        """Fill the `slots` between the first two frames, and remove the first frame. Returns the slots after them."""
        left = sources.popleft()
        right = sources[0]
        self._overlays.observe(left.frame, right.frame)
        between = [slot for slot in slots if slot.pts <= right.time]
        begin = left.time if right.begin is None else max(left.time, right.begin)
        yield from self._fill(across(between, left.index, begin, right.index, right.time), left, right)
        return slots[len(between) :]

    def _fill(self, slots: Sequence[Slot], left: _SourceFrame, right: _SourceFrame) -> Iterator[VideoFrame | Slot]:
        """Fill the `slots` between `left` and `right`: copy, interpolate, or treat them as a scene cut."""
        self.tally.duration_out += sum(slot.duration for slot in slots)
        for between, group in groupby(slots, key=lambda slot: isinstance(slot.action, Between)):
            run = list(group)
            if not between:
                for slot in run:
                    yield self._copy(left if _index(slot.action) == left.index else right, slot)
            elif self._is_cut(left, right):
                yield from self._fill_cut(run, left, right)
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

    def _fill_cut(self, slots: Sequence[Slot], left: _SourceFrame, right: _SourceFrame) -> Iterator[VideoFrame | Slot]:
        """Fill the slots between two scenes, see `scene_mode`."""
        for slot in slots:
            t = _t(slot)
            if self._cut_mode == "blend":
                done = self._next_is_done()
                self.tally.generated += 1
                yield slot if done else self._make_frame(torch.lerp(left.rgb, right.rgb, float(t)), left, right, slot)
            else:
                yield self._copy(right if self._cut_mode == "nearest" and t >= Fraction(1, 2) else left, slot)

    def _generate(self, slots: Sequence[Slot], left: _SourceFrame, right: _SourceFrame) -> Iterator[VideoFrame | Slot]:
        """Interpolate the frames of the slots, in calls of at most MAX_TIMES_PER_CALL frames."""
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
                        f"the model returned values that are not finite, for the frame at {float(slot.pts):.3f} s",
                        remedy="try --precision fp32",
                    )
                self.tally.generated += 1
                yield self._make_frame(rgb, left, right, slot)

    def _between(self, left: _SourceFrame, right: _SourceFrame, slots: Sequence[Slot]) -> Sequence[Tensor]:
        """The RGB images for the `slots`, in one call of the interpolator."""
        if not slots:
            return ()
        return self._interpolator.between(left.prepared, right.prepared, [float(_t(slot)) for slot in slots])

    def _next_is_done(self) -> bool:
        """Whether the next output frame is done; if so, count it."""
        done = self._is_done(self.tally.written)
        self.tally.kept += done
        return done

    def _copy(self, source: _SourceFrame, slot: Slot) -> VideoFrame | Slot:
        done = self._next_is_done()
        self.tally.copied += 1
        if done:
            return slot
        return VideoFrame(source.planes, self._format, source.color, slot.pts, slot.duration)

    def _make_frame(self, rgb: Tensor, left: _SourceFrame, right: _SourceFrame, slot: Slot) -> VideoFrame:
        """The frame of `slot` from RGB (3, H, W) or RGBA (4, H, W), in the colours of `left`; restores overlays."""
        color = left.color
        made = VideoFrame(to_planes(rgb, self._format, color), self._format, color, slot.pts, slot.duration)
        self._overlays.restore(made, left.planes, right.planes, _t(slot))
        return made


class _SourceFrame:
    """A source frame and its converted forms. Each form is made once, when it is first needed."""

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
        self.begin: Fraction | None = None  # after a pause, the time when the motion to this frame begins
        self.frame = frame
        self.color = color or frame.color
        self._interpolator = interpolator
        self._format = format

    @cached_property
    def rgb(self) -> Tensor:
        """(3, H, W), or with alpha (4, H, W), on the device; see `convert.to_rgb`."""
        return to_rgb(self.frame, self._interpolator.runtime.device, alpha=self._format.alpha)

    @cached_property
    def planes(self) -> tuple[Plane, ...]:
        """The planes in the format and colours of the output."""
        if (self.frame.format, self.frame.color) == (
            self._format,
            self.color,
        ):  # the result of a conversion to RGB and back would be the same, see ops.color
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
