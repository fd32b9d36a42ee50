"""`InterpJob` is what the user asks for; `Plan` is what that means for one clip. No output frame is computed here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

from vfi_cli.errors import UsageError
from vfi_cli.jobs.interp.duplicates import Deduplication
from vfi_cli.jobs.interp.frame_times import Clock
from vfi_cli.jobs.interp.overlays import Mask, read_mask
from vfi_cli.model.config import Routing, check_routing
from vfi_cli.scene import DEFAULT_THRESHOLD
from vfi_cli.timing.cadence import Cadence
from vfi_cli.timing.pace import Pace
from vfi_cli.timing.pauses import Pauses
from vfi_cli.timing.timeline import MAX_MULTIPLE, Cfr, Multiply, Nominal, Schedule, jitter_of, parse_rate
from vfi_cli.video.clip import ClipInfo, StreamKind
from vfi_cli.video.formats import PIPE, output_format
from vfi_cli.video.read.decode import refuse_interlaced
from vfi_cli.video.read.sources import Source, open_source
from vfi_cli.video.streams.audio import AudioCodec
from vfi_cli.video.streams.require_audio import require_audio
from vfi_cli.video.streams.stream_plan import StreamPlan, plan_streams
from vfi_cli.video.types import VideoFrame
from vfi_cli.video.write.encode_plan import EncodePlan, plan_encode
from vfi_cli.video.write.turning import Turn, find_turn

SceneMode = Literal["nearest", "hold", "blend"]

_OUTPUT_NAME = re.compile(r"(.+)_(?:\d+(?:\.\d+)?fps|\d+x|slowmo\d+x)")  # the names that `_default_target` makes


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpJob:
    """One clip to interpolate. At most one of `fps`, `multi`, `slowmo` is given; with none, the rate is doubled.

    Args:
        source: a file, a folder of images, a pattern of image names, or "-"; see `sources.open_source`.
        target: its suffix decides the format, see `formats.output_format`. None: see `_default_target`.
        input_fps: frames per second of the source; replaces the rate that the source states.
        video_stream: number of the video stream to use, counted from 0; None: see `choose_stream.choose_video`.
        fps: frame rate of the output, see `timeline.parse_rate`.
        multi: frames of the output per frame of the source.
        slowmo: how many times longer the output lasts, at the frame rate of the source and without audio.
        start, stop: the part to use, in seconds from the first frame of the clip.
        model: "lite", "base" or the path of a weights file.
        routing: decides which patches run the dynamic refine blocks.
        device, precision: see `engine.device.resolve`.
        scene_threshold: from 0 to 1, see `scene.SceneDetector`; None: the clip is one scene.
        scene_mode: what fills the slots between two scenes, see `render.FrameRenderer`.
        dedup: decides which frames are repeats; interpolated frames replace them. None: no frame is replaced.
        max_gap: seconds; a longer gap between frames is a pause. None: see `pauses.Pauses`.
        mask: an image of the size of the clip; where it is white, the frame never moves.
        deinterlace: make progressive frames from the fields of interlaced video.
        progressive: read frames that are marked as interlaced as progressive ones; excludes `deinterlace`.
        codec, crf, preset, pix_fmt, encoder_options: for the encoder; None: its default.
        audio, subtitles, data: copy the streams of that kind; attached files and cover images count as data.
        audio_codec: the codec that audio is converted to; None: audio is copied.
        chapters, metadata: copy the chapters; copy the tags of the file and its streams. Languages are always copied.
        overwrite: the target may exist, and is then replaced.
        restart: ignore the segments that an interrupted run has finished.
        strict: damage in the source is an error, and no output is kept.
    """

    source: Path
    target: Path | None = None
    input_fps: Fraction | None = None
    video_stream: int | None = None
    fps: str | None = None
    multi: int | None = None
    slowmo: int | None = None
    start: Fraction = Fraction(0)
    stop: Fraction | None = None
    model: str = "lite"
    routing: Routing = "router"
    device: str = "auto"
    precision: str = "auto"
    scene_threshold: float | None = DEFAULT_THRESHOLD
    scene_mode: SceneMode = "nearest"
    dedup: Deduplication | None = None
    max_gap: Fraction | None = None
    mask: Path | None = None
    deinterlace: bool = False
    progressive: bool = False
    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    encoder_options: dict[str, str] = field(default_factory=dict)
    audio: bool = True
    subtitles: bool = True
    data: bool = True
    audio_codec: AudioCodec | None = None
    chapters: bool = True
    metadata: bool = True
    overwrite: bool = False
    restart: bool = False
    strict: bool = False

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.fps, self.multi, self.slowmo)) > 1:
            raise UsageError("--fps, -m and --slowmo exclude each other", remedy="give one of them")
        if self.fps is not None:
            parse_rate(self.fps, source=Fraction(1))
        for option, value in (("-m", self.multi), ("--slowmo", self.slowmo)):
            if value is not None and not (isinstance(value, int) and 2 <= value <= MAX_MULTIPLE):
                raise UsageError(f"{option} {value} is not a whole number from 2 to {MAX_MULTIPLE}")
        if self.video_stream is not None and not (isinstance(self.video_stream, int) and self.video_stream >= 0):
            raise UsageError(f"--video-stream {self.video_stream} is not a whole number from 0 on")
        if self.scene_mode not in get_args(SceneMode):
            raise UsageError(f"--scene-mode {self.scene_mode} is not one of {', '.join(get_args(SceneMode))}")
        if self.scene_threshold is not None and not 0 <= self.scene_threshold <= 1:
            raise UsageError(f"--scene-threshold {self.scene_threshold} is not from 0 to 1")
        if self.deinterlace and self.progressive:
            raise UsageError("--deinterlace and --progressive exclude each other", remedy="give one of them")
        if self.stop is not None and self.stop <= self.start:
            raise UsageError("the part to use must end later than it starts")
        if self.audio_codec is not None and not self.audio:
            raise UsageError("-c:a and -an exclude each other", remedy="give one of them")
        Pauses(self.max_gap)
        check_routing(self.routing)


@dataclass(frozen=True, slots=True)
class Plan:
    """All decisions about an output, made before any frame is computed.

    Args:
        target: the output, at its final path.
        multiple: output frames per gap between two source frames; None: the output has the constant rate `rate`.
        stretch: how many times longer the output lasts.
        streams: which streams are copied or converted, besides the video.
        turn: how the frames are turned, if the output cannot store an orientation; None: they are not turned.
        mask: the pixels that never move, in the orientation of the output.
    """

    job: InterpJob
    source: Source
    clip: ClipInfo
    target: Path
    multiple: int | None
    stretch: int
    encode: EncodePlan
    streams: StreamPlan
    turn: Turn | None = None
    mask: Mask | None = field(default=None, repr=False, compare=False)

    @property
    def rate(self) -> Fraction:
        """Frames per second of the output; the mean if the frames of the source are unevenly spaced."""
        return self.encode.rate

    @property
    def duration(self) -> Fraction:
        """Seconds of the source that are used, as far as known."""
        end = self.clip.duration if self.job.stop is None else min(self.job.stop, self.clip.duration)
        return max(Fraction(0), end - self.job.start)

    @property
    def duration_out(self) -> Fraction:
        """Duration of the output in seconds, as far as known."""
        return self.stretch * self.duration

    @property
    def frames(self) -> int:
        """The approximate number of frames of the output; 0 if unknown."""
        return round(self.duration_out * self.rate)

    def warnings(self) -> Iterator[str]:
        """Sentences for the user, to be shown before any frame is computed."""
        yield from self.clip.notes
        if self.turn is not None:
            yield f"the frames are {self.turn}, as players show them"
        yield from self.encode.notes
        yield from self.streams.warnings()

    def shown(self, frames: Iterable[VideoFrame]) -> Iterable[VideoFrame]:
        """The decoded `frames`, turned if the output cannot store an orientation."""
        return frames if self.turn is None else self.turn.frames(frames)

    def schedule(self) -> Schedule:
        """A new schedule. Feed it the times that `clock` gives."""
        return Cfr(self.rate) if self.multiple is None else Multiply(self.multiple)

    def clock(self) -> Clock:
        """A new clock for the times of the decoded frames."""
        clip, dedup = self.clip, self.job.dedup is not None
        rate = clip.grid or (None if clip.vfr else clip.average_rate)
        proved = clip.phase is not None
        jitter = jitter_of(1 / rate, proved=proved) if rate and clip.vfr is not None else Fraction(0)
        steady = clip.vfr is False and not dedup  # then there is no cadence to find
        pace = Pace(Pauses(self.job.max_gap), None if steady else Cadence(clip.time_base), move_slots=not dedup)
        return Clock(Nominal(rate, clip.time_base, jitter, clip.phase), pace, self.stretch)


def make_plan(job: InterpJob, multiple: int | None = None) -> Plan:
    """Probe the source of `job` and make the plan.

    multiple: output frames per gap between two source frames; replaces that of `job`. 1 adds no frames.

    Raises:
        UsageError: the options make no sense for this clip.
        InputError: the source cannot be read, or is of a kind that is not supported.
        OutputError: the container of the output takes audio, but not the audio of the source.
    """
    source = open_source(job.source, job.input_fps, job.video_stream)
    clip = replace(source.probe(), deinterlace=job.deinterlace, progressive=job.progressive)
    refuse_interlaced(clip, job.start, job.stop)
    plan = plan_for_clip(job, source, clip, multiple)
    require_audio(plan.streams, clip, plan.target, job.audio_codec)
    return plan


def plan_for_clip(job: InterpJob, source: Source, clip: ClipInfo, multiple: int | None = None) -> Plan:
    """Make the plan as `make_plan` does, but for a probed clip, and even if it is interlaced or would lose its audio.

    Raises:
        UsageError: the options make no sense for this clip.
        InputError: the mask cannot be read.
    """
    if job.start >= clip.duration and not clip.live:
        raise UsageError(f"--ss lies after the end of the clip, which lasts {float(clip.duration):.3f} s")
    stretch, fps = job.slowmo or 1, None
    if job.fps is not None:
        fps = parse_rate(job.fps, clip.average_rate)
    elif job.slowmo is not None:
        fps = clip.average_rate
    else:
        multiple = multiple or job.multi or 2
    target = job.target or _default_target(source.beside, clip, fps, multiple, stretch)
    clip = _without_dropped_tags(clip, job)
    turn = None if output_format(target).is_video else find_turn(clip)
    turned = clip if turn is None else turn.clip(clip)
    encode = plan_encode(
        turned,
        target,
        fps=fps,
        multiple=multiple or 1,
        stretch=stretch,
        start=job.start or None,
        stop=job.stop,
        keep_audio=job.audio and stretch == 1,
        codec=job.codec,
        crf=job.crf,
        preset=job.preset,
        pix_fmt=job.pix_fmt,
        options=job.encoder_options,
    )
    wanted: dict[StreamKind, bool] = {
        "audio": job.audio,
        "subtitle": job.subtitles,
        "data": job.data,
        "attachment": job.data,
    }
    streams = plan_streams(
        clip,
        encode.output,
        wanted=[kind for kind, copied in wanted.items() if copied],
        stretch=stretch,
        tags=job.metadata,
        audio_codec=job.audio_codec,
    )
    mask = read_mask(job.mask, turned) if job.mask is not None else None
    return Plan(job, source, clip, target, multiple, stretch, encode, streams, turn, mask)


def _without_dropped_tags(clip: ClipInfo, job: InterpJob) -> ClipInfo:
    """The clip without the chapters and tags that `job` does not copy."""
    if not job.chapters:
        clip = replace(clip, chapters=())
    if not job.metadata:
        language = {key: tag for key, tag in clip.tags.items() if key == "language"}
        clip = replace(clip, metadata={}, tags=language, timecode="")
    return clip


def _default_target(source: Path, clip: ClipInfo, fps: Fraction | None, multiple: int | None, stretch: int) -> Path:
    """name_60fps.mp4, name_59.94fps.mp4, name_slowmo4x.mp4, or name_2x.mp4 if the frame rate is variable.

    Raises UsageError if the source has no name.
    """
    if source == PIPE:
        raise UsageError("the output needs a name", remedy="use -o OUT.mp4, or -o - for a pipe")
    if stretch > 1:
        suffix = f"slowmo{stretch}x"
    elif multiple and clip.vfr:
        suffix = f"{multiple}x"
    else:
        rate = fps or clip.average_rate * (multiple or 1)
        suffix = f"{float(rate):.2f}".rstrip("0").rstrip(".") + "fps"
    return source.with_name(f"{source.stem}_{suffix}.mp4")


def source_stem(stem: str) -> str | None:
    """The file stem of the source whose default output has the file stem `stem`; None if `stem` has another form."""
    match = _OUTPUT_NAME.fullmatch(stem)
    return match[1] if match else None
